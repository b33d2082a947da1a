#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/db/ledger_fixture.h"
#include "tests/db/temporary.h"

// The file of a ledger: whose it is, who has it open, and what becomes of it.
namespace db {
namespace {

TEST(LedgerFile, KeepsWhatWasWritten)
{
    const TemporaryDirectory directory;
    {
        Ledger ledger(directory.file());
        ledger.add(job_of(key_a, "a"));
        ledger.put(object_of(1, key_a));
    }
    const Ledger ledger(directory.file());
    EXPECT_EQ(ids(ledger.jobs()), (Ids{"a"}));
    EXPECT_EQ(rows(ledger.objects(key_a)), (Numbers{1}));
}

TEST(LedgerFile, IsTheOwnersAlone)
{
    const TemporaryDirectory directory;
    std::ofstream(directory.file()).close();
    std::filesystem::permissions(directory.file(), std::filesystem::perms{0644});
    Ledger ledger(directory.file());
    ledger.add(job_of(key_a, "a"));
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
        struct stat found{};
        ASSERT_EQ(::stat((directory.file().string() + suffix).c_str(), &found), 0) << suffix;
        EXPECT_EQ(found.st_mode & 07777U, 0600U) << suffix;
    }
}

TEST(LedgerFile, IsOpenOnceAtATime)
{
    const TemporaryDirectory directory;
    {
        const Ledger first(directory.file());
        try {
            const Ledger second(directory.file());
            FAIL() << "two ledgers are open on one file";
        } catch (const Busy& busy) {
            EXPECT_EQ(busy.what(), "ledger " + directory.file().string() + " is in use by another berth");
        }
    }
    EXPECT_NO_THROW(Ledger{directory.file()});
}

TEST(LedgerFile, OutlivesAProcessThatIsKilled)
{
    const TemporaryDirectory directory;
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        Ledger ledger(directory.file());
        ledger.add(job_of(key_a, "committed"));
        ledger.begin();
        ledger.add(job_of(key_b, "not committed"));
        if (::write(ready[1], "x", 1) == 1) ::pause();
        ::_exit(1);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_THROW(Ledger{directory.file()}, Busy);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(ready[0]);
    ::close(ready[1]);
    EXPECT_EQ(ids(Ledger(directory.file()).jobs()), (Ids{"committed"}));
}

TEST(LedgerFile, ThatIsNoDatabaseOrCannotBeMadeIsAFailure)
{
    const TemporaryDirectory directory;
    std::ofstream(directory.file()) << std::string(5'000, 'x');
    EXPECT_THROW(Ledger{directory.file()}, Failure);
    EXPECT_THROW(Ledger{directory.file() / "below" / "berth.db"}, Failure);
}

TEST(LedgerFile, OneThatIsNoDatabaseOrHasABrokenPageIsDamaged)
{
    for (const int offset : {0, 4096}) {
        const TemporaryDirectory directory;
        { const Ledger ledger(directory.file()); }
        std::fstream file(directory.file(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(offset);
        file << std::string(8192, '\x5a') << std::flush;
        EXPECT_THROW(Ledger(directory.file()), Damaged) << offset;
    }
}

}  // namespace
}  // namespace db
