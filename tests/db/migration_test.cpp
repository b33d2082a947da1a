#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "db/ledger.h"
#include "db/schema.h"
#include "tests/db/temporary.h"

namespace db {
namespace {

/// A database made by the first `version` steps, as the berth of that time left it.
void make_database(const std::filesystem::path& file, std::size_t version)
{
    std::ofstream(file).close();
    Connection connection(file);
    for (std::size_t step = 0; step < version; ++step) connection.script(migrations()[step].sql);
    connection.script("PRAGMA user_version = " + std::to_string(version));
}

/// What opening a ledger leaves.
void make_ledger(const std::filesystem::path& file)
{
    const Ledger ledger(file);
}

std::int64_t number(Connection& connection, std::string_view sql)
{
    Rows rows = connection.query(sql);
    return rows.next() ? rows.integer(0) : -1;
}

TEST(Migration, ALedgerOfVersion1IsRead)
{
    const TemporaryDirectory directory;
    make_database(directory.file(), 1);
    Connection(directory.file()).script(R"(
        INSERT INTO jobs VALUES (1, 'key1', 'build', 'strict', 'open', '{"ref":"main"}', 'anchor', '/w', 10, 0, 90);
        INSERT INTO jobs VALUES (2, 'key2', 'build', 'strict', 'closed', '{}', '', '', 5, 8, 0);
        INSERT INTO objects VALUES (41, 'key1', 'volume', 'live', 'made', 'id', 'data', 'real', 'parent', 11);
        INSERT INTO refusals VALUES (1, 'key1', 1, 'container.create', 'field', 'rule', 'value', 12);
        INSERT INTO reaps VALUES (1, 'key2', 6, 7, 3, 1, '{}');
    )");

    const Ledger ledger(directory.file());
    const Job job = ledger.jobs().at(0);
    EXPECT_EQ(job.key, "key1");
    EXPECT_EQ(job.id, "build");
    EXPECT_EQ(job.profile, "strict");
    EXPECT_EQ(job.labels, (std::map<std::string, std::string>{{"ref", "main"}}));
    EXPECT_EQ(job.anchor, "anchor");
    EXPECT_EQ(job.workspace, "/w");
    EXPECT_EQ(job.created, 10);
    EXPECT_EQ(job.deadline, 90);
    EXPECT_EQ(ledger.closed_jobs(9).at(0).ended, 8);
    const Object object = ledger.objects("key1").at(0);
    EXPECT_EQ(object.row, 41);
    EXPECT_EQ(object.kind, rules::Kind::volume);
    EXPECT_EQ(object.state, ObjectState::live);
    EXPECT_EQ(object.real, "real");
    EXPECT_EQ(object.parent, "parent");
    EXPECT_EQ(ledger.last_row(), 41);
    EXPECT_EQ(ledger.refusals("key1", 9).at(0).rule, "rule");
    EXPECT_EQ(ledger.refusal_count("key1"), 1);
    EXPECT_EQ(ledger.last_reap().value_or(Reap{}).removed, 3);
}

/// Whether the bytes of the file, or of what SQLite keeps beside it, have `text` somewhere.
bool holds(const std::filesystem::path& file, const std::string& text)
{
    for (const char* suffix : {"", "-wal", "-journal"}) {
        std::ifstream stream(file.string() + suffix, std::ios::binary);
        if (std::string(std::istreambuf_iterator<char>(stream), {}).find(text) != std::string::npos) return true;
    }
    return false;
}

TEST(Migration, ValuesThatWereKeptWhenSecretsWereListedAreNotInTheFileAnyMore)
{
    const TemporaryDirectory directory;
    make_database(directory.file(), 5);
    Connection(directory.file()).script(R"(
        INSERT INTO refusals VALUES (1, 'key1', 1, 'container.create', 'field', 'rule', 'old-secret-1', 12);
        INSERT INTO requests VALUES (1, 'key1', 1, 0, 12, 'container.create', 'POST', '/x?y=old-secret-2',
                                     '{"a":"old-secret-3"}', '{"b":"old-secret-4"}',
                                     1, 'refused', 'field', 'rule', 'old-secret-5');
    )");
    ASSERT_TRUE(holds(directory.file(), "old-secret"));
    make_ledger(directory.file());
    EXPECT_FALSE(holds(directory.file(), "old-secret"));
    const Ledger ledger(directory.file());
    const Request request = ledger.requests({}).at(0);
    EXPECT_EQ(request.rule, "rule");
    EXPECT_FALSE(request.whole) << "it cannot be judged again";
}

TEST(Migration, EveryPastVersionBecomesTheNewest)
{
    for (std::size_t version = 0; version <= migrations().size(); ++version) {
        const TemporaryDirectory directory;
        make_database(directory.file(), version);
        make_ledger(directory.file());
        Connection connection(directory.file());
        EXPECT_EQ(number(connection, "PRAGMA user_version"), static_cast<std::int64_t>(migrations().size()));
        EXPECT_EQ(number(connection, "SELECT count(*) FROM program"), 1);
        EXPECT_EQ(number(connection, "PRAGMA auto_vacuum"), 2) << "space can be given back, of an old file too";
    }
}

TEST(Migration, ANewerLedgerIsRefusedWithTheVersionOfBerthThatItNeeds)
{
    const TemporaryDirectory directory;
    make_ledger(directory.file());
    {
        std::vector<Migration> steps(migrations().begin(), migrations().end());
        steps.push_back({"7.8.9", "CREATE TABLE later (x)"});
        Connection connection(directory.file());
        migrate(connection, steps);
    }
    try {
        make_ledger(directory.file());
        FAIL() << "a newer ledger was opened";
    } catch (const Failure& failure) {
        EXPECT_NE(std::string(failure.what()).find("needs berth 7.8.9 or newer"), std::string::npos) << failure.what();
    }
    Connection connection(directory.file());
    EXPECT_EQ(number(connection, "SELECT count(*) FROM later"), 0) << "it is as it was";
}

TEST(Migration, AStepThatFailsIsUndoneAndThoseBeforeItStay)
{
    const TemporaryDirectory directory;
    std::ofstream(directory.file()).close();
    std::vector<Migration> steps = {{"1.0.0", "CREATE TABLE program (needed TEXT); INSERT INTO program VALUES ('');"},
                                    {"2.0.0", "CREATE TABLE second (x); INSERT INTO second VALUES (2);"},
                                    {"3.0.0", "CREATE TABLE third (x); INSERT INTO nowhere VALUES (3);"}};
    {
        Connection connection(directory.file());
        EXPECT_THROW(migrate(connection, steps), Failure);
    }
    Connection connection(directory.file());
    EXPECT_EQ(number(connection, "PRAGMA user_version"), 2);
    EXPECT_EQ(number(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'third'"), 0);
    EXPECT_EQ(number(connection, "SELECT needed = '2.0.0' FROM program"), 1);

    steps[2].sql = "CREATE TABLE third (x)";
    migrate(connection, steps);
    EXPECT_EQ(number(connection, "PRAGMA user_version"), 3);
}

TEST(Migration, AVersionThatNoBerthWroteIsRefused)
{
    const TemporaryDirectory directory;
    std::ofstream(directory.file()).close();
    Connection(directory.file()).script("PRAGMA user_version = -4");
    EXPECT_THROW(Ledger{directory.file()}, Failure);
}

}  // namespace
}  // namespace db
