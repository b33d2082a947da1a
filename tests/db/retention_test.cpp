#include "db/sqlite.h"
#include "tests/db/ledger_fixture.h"
#include "tests/db/temporary.h"

namespace db {
namespace {

TEST_F(LedgerTest, ForgettingTakesOldJobsThatLeftNothing)
{
    std::int64_t row = 0;
    for (const char* name : {"old", "leftover", "recent", "open", "last"}) {
        ledger.add(job_of(name, name));
        ledger.put(object_of(++row, name));
        ledger.set_state(row, ObjectState::gone);
        ledger.add(refusal_of(name, 10));
        ledger.add(Reap{name, 10, 10, 1, 0, "{}"});
    }
    ledger.add(refusal_of("", 10));
    ledger.set_state(2, ObjectState::removing);
    for (const char* name : {"old", "leftover", "last"}) ledger.set_state(name, JobState::closed, 20);
    ledger.set_state("recent", JobState::closed, 30);

    EXPECT_EQ(ledger.forget(30), 1);
    EXPECT_EQ(ids(ledger.closed_jobs(9)), (Ids{"recent", "last", "leftover"}));
    EXPECT_EQ(rows(ledger.objects("leftover")), (Numbers{2}));
    EXPECT_EQ(ledger.last_row(), 5) << "a row that was forgotten would be used twice";
    EXPECT_EQ(ledger.refusals(std::nullopt, 99).size(), 4U);
    EXPECT_TRUE(ledger.refusals("old", 9).empty());
    EXPECT_EQ(ledger.last_reap().value_or(Reap{}).job, "last");
    EXPECT_THROW(ledger.set_state(1, ObjectState::gone), Failure) << "the object of the job that was forgotten";
    EXPECT_EQ(ledger.forget(30), 0);
}

TEST(LedgerFile, ForgettingGivesSpaceBack)
{
    const TemporaryDirectory directory;
    const auto pages = [&] {
        Connection connection(directory.file());
        Rows rows = connection.query("PRAGMA page_count");
        return rows.next() ? rows.integer(0) : -1;
    };
    Ledger ledger(directory.file());
    ledger.begin();
    for (int number = 0; number < 200; ++number) {
        const std::string key = "k" + std::to_string(number);
        ledger.add(job_of(key, key));
        for (int each = 0; each < 20; ++each) ledger.add(refusal_of(key, 10, std::string(200, 'x')));
        ledger.set_state(key, JobState::closed, 20);
    }
    ledger.commit();
    const auto before = pages();
    EXPECT_EQ(ledger.forget(30), 200);
    EXPECT_LT(pages(), before / 2);
}

}  // namespace
}  // namespace db
