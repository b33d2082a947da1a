#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "db/store.h"
#include "tests/db/ledger_fixture.h"
#include "tests/db/temporary.h"

namespace db {

/// Runs `task` to its end on this thread.
template <class T>
T run(asio::io_context& io, Task<T> task)
{
    std::future<T> result = asio::co_spawn(io, std::move(task), asio::use_future);
    io.restart();
    io.run();
    return result.get();
}

inline Store::Work adding(const std::string& id)
{
    return [id](Ledger& ledger) {
        Job job;
        job.key = "key of " + id;
        job.id = id;
        ledger.add(job);
    };
}

inline Ids ids(Ledger& ledger)
{
    return ids(ledger.jobs());
}

inline Ids ids(asio::io_context& io, Store& store)
{
    return run(io, store.read<Ids>([](Ledger& ledger) { return ids(ledger); }));
}

/// How many transactions the write-ahead log holds: frames with a size of the database are the last of one (SQLite,
/// "WAL Frame Header").
inline std::size_t transactions(const std::filesystem::path& file)
{
    constexpr std::size_t header = 32, frame_header = 24, page = 4096;
    std::ifstream log(file.string() + "-wal", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(log), {}};
    std::size_t count = 0;
    for (std::size_t at = header; at + frame_header + page <= bytes.size(); at += frame_header + page)
        if (bytes.substr(at + 4, 4) != std::string(4, '\0')) ++count;
    return count;
}

/// Keeps the database thread busy until it is released.
class Blocker {
public:
    explicit Blocker(Store& store)
    {
        store.enqueue([this, released = released_.get_future().share()](Ledger&) {
            entered_.set_value();
            released.wait();
        });
        entered_.get_future().wait();
    }
    void release() { released_.set_value(); }

private:
    std::promise<void> entered_, released_;
};

class StoreTest : public testing::Test {
protected:
    asio::io_context io;
    TemporaryDirectory directory;
};

inline Task<void> write_and_note(Store& store, Store::Work work, int number, std::vector<int>& order)
{
    co_await store.write(std::move(work));
    order.push_back(number);
}

}  // namespace db
