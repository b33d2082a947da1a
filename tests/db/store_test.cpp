#include "db/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>
#include <fstream>
#include <future>
#include <iterator>
#include <numeric>
#include <thread>

#include "db/sqlite.h"
#include "tests/db/temporary.h"

namespace db {
namespace {

using namespace std::chrono_literals;

/// Runs `task` to its end on this thread.
template <class T>
T run(asio::io_context& io, Task<T> task)
{
    std::future<T> result = asio::co_spawn(io, std::move(task), asio::use_future);
    io.restart();
    io.run();
    return result.get();
}

Store::Work adding(const std::string& id)
{
    return [id](Ledger& ledger) {
        Job job;
        job.key = "key of " + id;
        job.id = id;
        ledger.add(job);
    };
}

using Ids = std::vector<std::string>;

Ids ids(Ledger& ledger)
{
    Ids result;
    for (const Job& job : ledger.jobs()) result.push_back(job.id);
    return result;
}

Ids ids(asio::io_context& io, Store& store)
{
    return run(io, store.read<Ids>([](Ledger& ledger) { return ids(ledger); }));
}

/// How many transactions the write-ahead log holds: frames with a size of the database are the last of one (SQLite,
/// "WAL Frame Header").
std::size_t transactions(const std::filesystem::path& file)
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

TEST_F(StoreTest, WhatWasWrittenIsRead)
{
    Store store(io, directory.file());
    run(io, store.write(adding("a")));
    run(io, store.write(adding("b")));
    EXPECT_EQ(ids(io, store), (Ids{"a", "b"}));
    EXPECT_EQ(run(io, store.read<std::int64_t>([](Ledger& ledger) { return ledger.last_row(); })), 0);
}

TEST_F(StoreTest, WorkIsRunOnOneThreadThatIsNotTheCallers)
{
    Store store(io, directory.file());
    const auto thread = [](Ledger&) { return std::this_thread::get_id(); };
    const auto first = run(io, store.read<std::thread::id>(thread));
    const auto second = run(io, store.read<std::thread::id>(thread));
    EXPECT_EQ(first, second);
    EXPECT_NE(first, std::this_thread::get_id());
}

Task<void> write_and_note(Store& store, Store::Work work, int number, std::vector<int>& order)
{
    co_await store.write(std::move(work));
    order.push_back(number);
}

TEST_F(StoreTest, WorkIsRunAndItsWritersResumedInTheOrderGiven)
{
    Store store(io, directory.file());
    std::vector<int> worked, resumed;  // `worked` is the database thread's until all are resumed
    const auto work = [&worked](int number) { return [&worked, number](Ledger&) { worked.push_back(number); }; };
    for (int number = 0; number < 50; ++number) store.enqueue(work(number));
    for (int number = 50; number < 100; ++number)
        asio::co_spawn(io, write_and_note(store, work(number), number, resumed), asio::detached);
    io.run();
    std::vector<int> all(100);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(worked, all);
    EXPECT_EQ(resumed, std::vector<int>(all.begin() + 50, all.end()));
}

TEST_F(StoreTest, WritersThatCameTogetherAreOneTransaction)
{
    Store store(io, directory.file());
    Blocker blocker(store);
    std::vector<int> resumed;
    for (int number = 0; number < 200; ++number)
        asio::co_spawn(io, write_and_note(store, adding(std::to_string(number)), number, resumed), asio::detached);
    while (io.poll() != 0) {
    }  // all have given their work
    const std::size_t before = transactions(directory.file());
    EXPECT_TRUE(resumed.empty());
    blocker.release();
    io.run();
    EXPECT_EQ(resumed.size(), 200U);
    EXPECT_EQ(transactions(directory.file()) - before, 1U);
}

TEST_F(StoreTest, AWriterIsResumedAfterItsTransaction)
{
    Store store(io, directory.file());
    const std::size_t before = transactions(directory.file());
    run(io, store.write(adding("a")));
    EXPECT_EQ(transactions(directory.file()), before + 1);
}

struct Odd {
    int number;
};

Task<int> write_odd(Store& store)
{
    auto work = [](Ledger& ledger) {
        adding("half done")(ledger);
        throw Odd{42};
    };
    try {
        co_await store.write(work);
    } catch (const Odd& odd) {
        co_return odd.number;
    }
    co_return 0;
}

TEST_F(StoreTest, WorkThatThrowsIsUndoneAloneAndItsWriterToldWhy)
{
    Store store(io, directory.file());
    Blocker blocker(store);
    std::vector<int> resumed;
    asio::co_spawn(io, write_and_note(store, adding("before"), 1, resumed), asio::detached);
    std::future<int> odd = asio::co_spawn(io, write_odd(store), asio::use_future);
    asio::co_spawn(io, write_and_note(store, adding("after"), 2, resumed), asio::detached);
    std::future<void> twice = asio::co_spawn(io, store.write(adding("after")), asio::use_future);
    while (io.poll() != 0) {
    }
    blocker.release();
    io.run();
    EXPECT_EQ(odd.get(), 42);
    EXPECT_THROW(twice.get(), Failure);
    EXPECT_EQ(resumed, (std::vector<int>{1, 2}));
    EXPECT_EQ(ids(io, store), (Ids{"before", "after"}));
    EXPECT_EQ(store.lost(), 0U) << "its writers were told";
}

TEST_F(StoreTest, AReadThatThrowsThrowsToItsReader)
{
    Store store(io, directory.file());
    EXPECT_THROW(run(io, store.read<int>([](Ledger&) -> int { throw Odd{1}; })), Odd);
}

TEST_F(StoreTest, EveryoneInATransactionThatFailsIsTold)
{
    Store store(io, directory.file());
    Blocker blocker(store);
    std::future<void> before = asio::co_spawn(io, store.write(adding("before")), asio::use_future);
    std::future<void> ends =
        asio::co_spawn(io, store.write([](Ledger& ledger) { ledger.rollback(); }), asio::use_future);
    std::future<void> after = asio::co_spawn(io, store.write(adding("after")), asio::use_future);
    while (io.poll() != 0) {
    }
    store.enqueue(adding("not awaited"));
    blocker.release();
    io.run();
    EXPECT_THROW(before.get(), Failure);
    EXPECT_THROW(ends.get(), Failure);
    EXPECT_THROW(after.get(), Failure);
    EXPECT_EQ(store.lost(), 1U);
    EXPECT_EQ(ids(io, store), Ids{});
    run(io, store.write(adding("later")));
    EXPECT_EQ(ids(io, store), Ids{"later"});
}

/// Meanwhile no file of this process grows: as if the disk were full.
class FullDisk {
public:
    FullDisk()
    {
        ::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit full = before_;
        full.rlim_cur = 1;
        ::setrlimit(RLIMIT_FSIZE, &full);
    }
    ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

private:
    rlimit before_{};
};

TEST_F(StoreTest, ACommitThatFailsIsNotTakenForDone)
{
    Store store(io, directory.file());
    run(io, store.write(adding("before")));
    {
        const FullDisk full;
        EXPECT_THROW(run(io, store.write(adding("lost"))), Failure);
        EXPECT_EQ(ids(io, store), Ids{"before"}) << "reading goes on";
    }
    run(io, store.write(adding("after")));
    EXPECT_EQ(ids(io, store), (Ids{"before", "after"}));
}

TEST_F(StoreTest, WhatIsNotAwaitedIsRunSoon)
{
    Store store(io, directory.file());
    for (int round = 0; round < 3; ++round) {
        std::promise<void> done;
        store.enqueue([&done](Ledger&) { done.set_value(); });
        EXPECT_EQ(done.get_future().wait_for(5s), std::future_status::ready);
    }
}

TEST_F(StoreTest, WhatIsNotAwaitedIsCountedWhenItThrows)
{
    Store store(io, directory.file());
    store.enqueue(adding("a"));
    store.enqueue(adding("a"));
    store.enqueue([](Ledger&) { throw Odd{1}; });
    EXPECT_EQ(ids(io, store), Ids{"a"});
    EXPECT_EQ(store.lost(), 2U);
}

TEST_F(StoreTest, WhatIsNotAwaitedIsDroppedBeyondABound)
{
    Store store(io, directory.file());
    Blocker blocker(store);
    for (std::size_t number = 0; number < most_waiting + 5; ++number) store.enqueue([](Ledger&) {});
    EXPECT_EQ(store.lost(), 5U);
    blocker.release();
    run(io, store.write(adding("still served")));
    EXPECT_EQ(store.lost(), 5U);
}

TEST_F(StoreTest, TheEndFinishesWhatWasGiven)
{
    std::vector<int> resumed;
    {
        Store store(io, directory.file());
        Blocker blocker(store);
        for (int number = 0; number < 1'000; ++number) store.enqueue(adding(std::to_string(number)));
        asio::co_spawn(io, write_and_note(store, adding("awaited"), 1, resumed), asio::detached);
        while (io.poll() != 0) {
        }
        blocker.release();
    }
    Ledger ledger(directory.file());
    EXPECT_EQ(ids(ledger).size(), 1'001U);
    EXPECT_TRUE(resumed.empty());
    io.run();
    EXPECT_EQ(resumed, std::vector<int>{1});
}

Task<void> write_forever(Store& store, std::shared_ptr<int> witness)
{
    for (;;) {
        co_await store.write([](Ledger&) {});
        ++*witness;
    }
}

TEST_F(StoreTest, CoroutinesThatAreNeverResumedAreDestroyedWithTheirContext)
{
    auto witness = std::make_shared<int>(0);
    {
        asio::io_context short_lived;
        Store store(short_lived, directory.file());
        for (int number = 0; number < 10; ++number)
            asio::co_spawn(short_lived, write_forever(store, witness), asio::detached);
        short_lived.run_for(20ms);
        EXPECT_EQ(witness.use_count(), 11);
    }
    EXPECT_EQ(witness.use_count(), 1);
    EXPECT_GT(*witness, 0);
}

TEST_F(StoreTest, WhatWorkHoldsIsGoneWhenItsWriterGoesOn)
{
    Store store(io, directory.file());
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = held;
    run(io, store.write([held = std::move(held)](Ledger&) { EXPECT_EQ(*held, 1); }));
    EXPECT_TRUE(watch.expired());
}

TEST_F(StoreTest, TheConstructorThrowsWhatTheLedgerThrows)
{
    const Store store(io, directory.file());
    EXPECT_THROW(Store(io, directory.file()), Busy);
    EXPECT_THROW(Store(io, directory.file() / "below" / "berth.db"), Failure);
}

TEST_F(StoreTest, ADamagedLedgerIsLeftAsItIsAndTheStoreWorksInMemory)
{
    const std::string rubbish(8192, 'x');
    std::ofstream(directory.file()) << rubbish;
    {
        Store store(io, directory.file());
        EXPECT_TRUE(store.damaged());
        EXPECT_NE(store.trouble(), "");
        run(io, store.write(adding("one")));
        EXPECT_TRUE(store.damaged()) << "it does not pass";
        EXPECT_THROW(Store(io, directory.file()), Busy) << "nobody else gets it";
    }
    std::ifstream file(directory.file());
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), rubbish);
}

TEST_F(StoreTest, TroubleIsToldUntilSomethingCouldBeWritten)
{
    Store store(io, directory.file());
    Connection other(directory.file());
    other.run("BEGIN IMMEDIATE");
    EXPECT_THROW(run(io, store.write(adding("one"))), Failure);
    EXPECT_NE(store.trouble().find("locked"), std::string::npos) << store.trouble();
    other.run("ROLLBACK");
    run(io, store.write([](Ledger& ledger) { ledger.jobs(); }));
    EXPECT_NE(store.trouble(), "") << "it could be read";
    run(io, store.write(adding("one")));
    EXPECT_EQ(store.trouble(), "");
    EXPECT_FALSE(store.damaged());
}

TEST_F(StoreTest, AnotherProcessKeepsTheLedger)
{
    int ready[2], leave[2];
    ASSERT_EQ(::pipe(ready), 0);
    ASSERT_EQ(::pipe(leave), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    char byte = 0;
    if (child == 0) {
        const Ledger ledger(directory.file());
        if (::write(ready[1], "x", 1) != 1 || ::read(leave[0], &byte, 1) != 1) ::_exit(1);
        ::_exit(0);
    }
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_THROW(Store(io, directory.file()), Busy);
    ASSERT_EQ(::write(leave[1], "x", 1), 1);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    for (const int descriptor : {ready[0], ready[1], leave[0], leave[1]}) ::close(descriptor);
    EXPECT_NO_THROW(Store(io, directory.file()));
}

}  // namespace
}  // namespace db
