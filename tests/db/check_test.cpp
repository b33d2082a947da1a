#include "db/check.h"

#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "db/ledger.h"
#include "db/sqlite.h"
#include "tests/db/temporary.h"

namespace {

db::Job job(const std::string& key)
{
    db::Job job;
    job.key = job.id = key;
    job.profile = "default";
    return job;
}

TEST(CheckLedger, SaysThatThereIsNoneAndMakesNone)
{
    const TemporaryDirectory directory;
    const db::Checked checked = db::check_ledger(directory.file());
    EXPECT_FALSE(checked.there);
    EXPECT_EQ(checked.problem, "");
    EXPECT_FALSE(std::filesystem::exists(directory.file()));
}

TEST(CheckLedger, LooksBesideWhoeverUsesIt)
{
    const TemporaryDirectory directory;
    std::optional<db::Ledger> ledger(std::in_place, directory.file());
    ledger->add(job("a"));
    ledger->add(job("b"));
    ledger->add(job("c"));
    ledger->set_state("b", db::JobState::draining, 1);
    ledger->set_state("c", db::JobState::closed, 1);
    for (const bool in_use : {true, false}) {
        const db::Checked checked = db::check_ledger(directory.file());
        EXPECT_EQ(checked.problem, "");
        EXPECT_TRUE(checked.there);
        EXPECT_EQ(checked.in_use, in_use);
        EXPECT_EQ(checked.jobs, 2);
        EXPECT_GT(checked.schema, 0);
        ledger.reset();
    }
    const db::Ledger again(directory.file());
    EXPECT_EQ(again.jobs().size(), 2U);
}

TEST(CheckLedger, TellsADamagedOne)
{
    const TemporaryDirectory directory;
    {
        db::Ledger ledger(directory.file());
        for (int number = 0; number < 500; ++number) ledger.add(job("job-" + std::to_string(number)));
    }
    std::fstream file(directory.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    for (int bytes = 0; bytes < 8 * 4096; ++bytes) file.put('\x5a');
    file.close();
    EXPECT_NE(db::check_ledger(directory.file()).problem, "");
}

TEST(CheckLedger, TellsWhatIsNoLedgerAtAll)
{
    const TemporaryDirectory directory;
    std::ofstream(directory.file()) << std::string(10'000, 'x');
    EXPECT_NE(db::check_ledger(directory.file()).problem, "");
}

TEST(CheckLedger, TellsOneOfANewerProgram)
{
    const TemporaryDirectory directory;
    {
        const db::Ledger ledger(directory.file());
    }
    {
        db::Connection connection(directory.file());
        connection.script("PRAGMA user_version = 1000");
    }
    EXPECT_NE(db::check_ledger(directory.file()).problem.find("schema 1000"), std::string::npos);
}

}  // namespace
