#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/sqlite.h"
#include "tests/db/store_fixture.h"

// Work that throws, transactions and files that fail, and who is told of it.
namespace db {
namespace {

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
