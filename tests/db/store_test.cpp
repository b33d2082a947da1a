#include "db/store.h"

#include <numeric>
#include <thread>

#include "tests/db/store_fixture.h"

namespace db {
namespace {

using namespace std::chrono_literals;

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

TEST_F(StoreTest, WhatIsNotAwaitedIsRunSoon)
{
    Store store(io, directory.file());
    for (int round = 0; round < 3; ++round) {
        std::promise<void> done;
        store.enqueue([&done](Ledger&) { done.set_value(); });
        EXPECT_EQ(done.get_future().wait_for(5s), std::future_status::ready);
    }
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

}  // namespace
}  // namespace db
