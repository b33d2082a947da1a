#include "db/ledger.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "db/printable.h"
#include "db/sqlite.h"
#include "tests/db/temporary.h"

namespace db {
namespace {

const std::string key_a(26, 'a');
const std::string key_b(26, 'b');

Job job_of(const std::string& key, const std::string& id, Seconds created = 100)
{
    Job job;
    job.key = key;
    job.id = id;
    job.profile = "default";
    job.created = created;
    return job;
}

Object object_of(std::int64_t row, const std::string& job, const std::string& name = "db")
{
    Object object;
    object.row = row;
    object.job = job;
    object.kind = rules::Kind::container;
    object.name = name;
    object.real = "berth." + job + "." + name;
    object.created = 7;
    return object;
}

Refusal refusal_of(const std::string& job, Seconds at, const std::string& value = "true")
{
    return {job, "container.create", "HostConfig.Privileged", "privileged", value, at};
}

std::vector<std::string> ids(const std::vector<Job>& jobs)
{
    std::vector<std::string> result;
    for (const Job& job : jobs) result.push_back(job.id);
    return result;
}

std::vector<std::int64_t> rows(const std::vector<Object>& objects)
{
    std::vector<std::int64_t> result;
    for (const Object& object : objects) result.push_back(object.row);
    return result;
}

using Ids = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

class LedgerTest : public testing::Test {
protected:
    Ledger ledger{":memory:"};
};

TEST_F(LedgerTest, AJobComesBackAsItWasGiven)
{
    Job job = job_of(key_a, "build-17'; DROP TABLE jobs; --");
    job.profile = "strict";
    job.state = JobState::draining;
    job.labels = {{"ref", "main"}, {"quo\"te", "line\nbreak"}, {"nul", std::string("a\0b", 3)}, {"ü", ""}};
    job.anchor = std::string(64, 'c');
    job.workspace = "/home/runner/work";
    job.deadline = 3'700;
    ledger.add(job);

    const std::vector<Job> jobs = ledger.jobs();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].key, job.key);
    EXPECT_EQ(jobs[0].id, job.id);
    EXPECT_EQ(jobs[0].profile, job.profile);
    EXPECT_EQ(jobs[0].state, JobState::draining);
    EXPECT_EQ(jobs[0].labels, job.labels);
    EXPECT_EQ(jobs[0].anchor, job.anchor);
    EXPECT_EQ(jobs[0].workspace, job.workspace);
    EXPECT_EQ(jobs[0].created, 100);
    EXPECT_EQ(jobs[0].ended, 0);
    EXPECT_EQ(jobs[0].deadline, 3'700);
}

TEST_F(LedgerTest, OpenJobsAreOldestFirstAndClosedOnesNewestFirst)
{
    ledger.add(job_of("k1", "late", 30));
    ledger.add(job_of("k2", "early", 10));
    ledger.add(job_of("k3", "middle", 20));
    ledger.add(job_of("k4", "also middle", 20));
    ledger.set_state("k2", JobState::draining, 40);
    EXPECT_EQ(ids(ledger.jobs()), (Ids{"early", "middle", "also middle", "late"}));

    ledger.set_state("k2", JobState::closed, 60);
    ledger.set_state("k1", JobState::closed, 50);
    ledger.set_state("k3", JobState::closed, 70);
    EXPECT_EQ(ids(ledger.jobs()), (Ids{"also middle"}));
    EXPECT_EQ(ids(ledger.closed_jobs(10)), (Ids{"middle", "early", "late"}));
    EXPECT_EQ(ids(ledger.closed_jobs(2)), (Ids{"middle", "early"}));
    EXPECT_EQ(ledger.closed_jobs(1)[0].ended, 70);
}

TEST_F(LedgerTest, AnIdIsUniqueAmongOpenJobsAndAKeyForever)
{
    ledger.add(job_of(key_a, "build"));
    EXPECT_THROW(ledger.add(job_of(key_b, "build")), Failure);
    ledger.set_state(key_a, JobState::closed, 5);
    EXPECT_NO_THROW(ledger.add(job_of(key_b, "build")));
    EXPECT_THROW(ledger.add(job_of(key_a, "other")), Failure);
}

TEST_F(LedgerTest, AnObjectComesBackAsItWasGiven)
{
    ledger.add(job_of(key_a, "a"));
    Object object = object_of(9, key_a, "d'b");
    object.kind = rules::Kind::image;
    object.origin = Origin::pulled;
    object.id = "sha256:" + std::string(64, '0');
    object.parent = std::string(64, 'f');
    ledger.put(object);

    const std::vector<Object> objects = ledger.objects(key_a);
    ASSERT_EQ(objects.size(), 1U);
    EXPECT_EQ(objects[0].row, 9);
    EXPECT_EQ(objects[0].job, key_a);
    EXPECT_EQ(objects[0].kind, rules::Kind::image);
    EXPECT_EQ(objects[0].state, ObjectState::intended);
    EXPECT_EQ(objects[0].origin, Origin::pulled);
    EXPECT_EQ(objects[0].id, object.id);
    EXPECT_EQ(objects[0].name, "d'b");
    EXPECT_EQ(objects[0].real, object.real);
    EXPECT_EQ(objects[0].parent, object.parent);
    EXPECT_EQ(objects[0].created, 7);
}

TEST_F(LedgerTest, AnObjectPutAgainReplacesItsRow)
{
    ledger.add(job_of(key_a, "a"));
    ledger.put(object_of(1, key_a));
    Object made = object_of(1, key_a, "renamed");
    made.state = ObjectState::live;
    made.id = std::string(64, 'e');
    ledger.put(made);

    const std::vector<Object> objects = ledger.objects(key_a);
    ASSERT_EQ(objects.size(), 1U);
    EXPECT_EQ(objects[0].state, ObjectState::live);
    EXPECT_EQ(objects[0].id, made.id);
    EXPECT_EQ(objects[0].name, "renamed");
}

TEST_F(LedgerTest, AContainerIsToldWhenItIsGoneToo)
{
    ledger.add(job_of(key_a, "a"));
    ledger.add(job_of(key_b, "b"));
    const std::string there(64, '1'), gone(64, '2'), others(64, '3'), image = "sha256:" + std::string(64, '4');
    for (const auto& [row, key, kind, id] : {std::tuple{1, key_a, rules::Kind::container, there}, {2, key_a, rules::Kind::container, gone},
                                             {3, key_b, rules::Kind::container, others}, {4, key_a, rules::Kind::image, image},
                                             {5, key_a, rules::Kind::container, std::string()}}) {
        Object object = object_of(row, key);
        object.kind = kind;
        object.id = id;
        ledger.put(object);
    }
    ledger.set_state(2, ObjectState::gone);
    EXPECT_EQ(ledger.containers(key_a), (std::set{there, gone}));
}

TEST_F(LedgerTest, ObjectsAreListedByJobUntilTheyAreGone)
{
    ledger.add(job_of(key_a, "a"));
    ledger.add(job_of(key_b, "b"));
    EXPECT_EQ(ledger.last_row(), 0);
    for (const std::int64_t row : {4, 2, 3}) ledger.put(object_of(row, key_a));
    ledger.put(object_of(8, key_b));
    ledger.set_state(3, ObjectState::live);
    ledger.set_state(2, ObjectState::removing);
    EXPECT_EQ(rows(ledger.objects(key_a)), (Numbers{2, 3, 4}));
    EXPECT_EQ(ledger.objects(key_a)[0].state, ObjectState::removing);

    ledger.set_live(4, "an id");
    EXPECT_EQ(ledger.objects(key_a)[2].state, ObjectState::live);
    EXPECT_EQ(ledger.objects(key_a)[2].id, "an id");

    ledger.set_state(2, ObjectState::gone);
    ledger.set_state(8, ObjectState::gone);
    EXPECT_EQ(rows(ledger.objects(key_a)), (Numbers{3, 4}));
    EXPECT_TRUE(ledger.objects(key_b).empty());
    EXPECT_TRUE(ledger.objects("nobody").empty());
    EXPECT_EQ(ledger.last_row(), 8) << "a row that is gone is not used twice";
}

TEST_F(LedgerTest, WhatIsNotThereCannotChange)
{
    ledger.add(job_of(key_a, "a"));
    EXPECT_THROW(ledger.set_state(key_b, JobState::closed, 1), Failure);
    EXPECT_THROW(ledger.set_state(1, ObjectState::gone), Failure);
    EXPECT_THROW(ledger.set_live(1, "an id"), Failure);
    EXPECT_THROW(ledger.put(object_of(1, key_b)), Failure);
}

TEST_F(LedgerTest, TheSchemaRefusesWhatIsTooLongOrMeaningless)
{
    ledger.add(job_of(key_a, "a"));
    Object nameless = object_of(1, key_a);
    nameless.kind = rules::Kind::none;
    EXPECT_THROW(ledger.put(nameless), Failure);
    EXPECT_THROW(ledger.put(object_of(0, key_a)), Failure);
    EXPECT_THROW(ledger.put(object_of(1, key_a, std::string(1'025, 'x'))), Failure);
    EXPECT_THROW(ledger.put(object_of(1, key_a, std::string(1, '\0') + std::string(1'024, 'x'))), Failure)
        << "a NUL does not hide a length";
    EXPECT_THROW(ledger.add(job_of(key_b, "")), Failure);
    EXPECT_THROW(ledger.add(job_of("", "b")), Failure);
    EXPECT_TRUE(ledger.objects(key_a).empty());
    EXPECT_EQ(ledger.jobs().size(), 1U);
    EXPECT_NO_THROW(ledger.put(object_of(1, key_a, std::string(1'024, 'x'))));
}

TEST_F(LedgerTest, AFailureSaysWhatWasDoneAndNotWhatTheJobWrote)
{
    ledger.add(job_of(key_a, "a"));
    try {
        ledger.put(object_of(1, key_a, std::string(2'000, 'x')));
        FAIL() << "it was kept";
    } catch (const Failure& failure) {
        EXPECT_NE(std::string(failure.what()).find("INSERT INTO objects"), std::string::npos) << failure.what();
        EXPECT_EQ(std::string(failure.what()).find("xx"), std::string::npos) << failure.what();
    }
}

TEST_F(LedgerTest, RefusalsAreNewestFirst)
{
    for (const Seconds at : {1, 2, 3}) ledger.add(refusal_of(key_a, at));
    ledger.add(refusal_of(key_b, 4));
    ledger.add(refusal_of("", 5));

    const auto times = [this](const std::optional<std::string>& job, std::size_t most) {
        Numbers result;
        for (const Refusal& refusal : ledger.refusals(job, most)) result.push_back(refusal.at);
        return result;
    };
    EXPECT_EQ(times(std::nullopt, 99), (Numbers{5, 4, 3, 2, 1}));
    EXPECT_EQ(times(std::nullopt, 2), (Numbers{5, 4}));
    EXPECT_EQ(times(key_a, 99), (Numbers{3, 2, 1}));
    EXPECT_EQ(times(key_a, 1), (Numbers{3}));
    EXPECT_EQ(times("", static_cast<std::size_t>(-1)), (Numbers{5}));
    EXPECT_EQ(ledger.refusal_count(key_a), 3);
    EXPECT_EQ(ledger.refusal_count("nobody"), 0);

    const Refusal first = ledger.refusals(key_b, 1).at(0);
    EXPECT_EQ(first.job, key_b);
    EXPECT_EQ(first.endpoint, "container.create");
    EXPECT_EQ(first.field, "HostConfig.Privileged");
    EXPECT_EQ(first.rule, "privileged");
    EXPECT_EQ(first.value, "true");
}

TEST_F(LedgerTest, AJobThatIsRefusedWithoutEndKeepsItsNewestRefusals)
{
    ledger.begin();
    ledger.add(refusal_of(key_b, 1));
    for (Seconds at = 1; at <= refusals_kept + 5; ++at) ledger.add(refusal_of(key_a, at));
    ledger.commit();
    const std::vector<Refusal> kept = ledger.refusals(key_a, 99'999);
    ASSERT_EQ(kept.size(), static_cast<std::size_t>(refusals_kept));
    EXPECT_EQ(kept.front().at, refusals_kept + 5);
    EXPECT_EQ(kept.back().at, 6);
    EXPECT_EQ(ledger.refusal_count(key_a), refusals_kept + 5) << "those that were dropped count";
    EXPECT_EQ(ledger.refusals(key_b, 9).size(), 1U) << "one job does not push out another's";
}

TEST_F(LedgerTest, ARefusalIsKeptHoweverOddItsTexts)
{
    const std::string odd = "\x1b[31m" + std::string(2'000'000, '\n');
    ledger.add(Refusal{key_a, odd, odd, odd, odd, 1});
    const Refusal kept = ledger.refusals(key_a, 1).at(0);
    for (const std::string& text : {kept.endpoint, kept.field, kept.rule, kept.value}) {
        EXPECT_EQ(text.substr(0, 12), "\\x1b[31m\\x0a");
        EXPECT_EQ(text.size(), 256U);
    }
}

Request request_of(const std::string& job, Seconds at, rules::Outcome outcome = rules::Outcome::allowed)
{
    Request request;
    request.job = job;
    request.at = at;
    request.endpoint = "container.create";
    request.method = "POST";
    request.target = "/containers/create?name=a";
    request.body = R"({"Image":"busybox"})";
    request.facts = "{}";
    request.outcome = outcome;
    return request;
}

TEST_F(LedgerTest, RequestsAreFoundByJobTimeVerdictAndPlace)
{
    ledger.add(job_of(key_a, "build"));
    ledger.add(request_of(key_a, 1));
    ledger.add(request_of(key_a, 2, rules::Outcome::refused));
    ledger.add(request_of(key_b, 3, rules::Outcome::observed));
    ledger.add(request_of(key_b, 4, rules::Outcome::failed));

    const auto times = [this](const RequestFilter& filter) {
        Numbers result;
        for (const Request& request : ledger.requests(filter)) result.push_back(request.at);
        return result;
    };
    EXPECT_EQ(times({}), (Numbers{1, 2, 3, 4}));
    EXPECT_EQ(times({.job = "build"}), (Numbers{1, 2}));
    EXPECT_EQ(times({.job = key_b}), (Numbers{3, 4}));
    EXPECT_EQ(times({.denied = true}), (Numbers{2, 3}));
    EXPECT_EQ(times({.since = 3}), (Numbers{3, 4}));
    EXPECT_EQ(times({.most = 1}), (Numbers{1}));
    EXPECT_EQ(times({.after = ledger.requests({.most = 2}).back().row}), (Numbers{3, 4}));
    const Request first = ledger.requests({}).front();
    EXPECT_EQ(first.job_id, "build");
    EXPECT_EQ(first.job_profile, "default");
    EXPECT_EQ(first.body, R"({"Image":"busybox"})");
    EXPECT_TRUE(first.whole);
}

TEST_F(LedgerTest, AJobThatAsksWithoutEndKeepsItsNewestRequestsAndTheFirstOfEachEndpoint)
{
    ledger.begin();
    ledger.add(request_of(key_b, 1));
    Request first = request_of(key_a, 1);
    first.first = true;
    ledger.add(first);
    for (Seconds at = 2; at <= requests_kept + 5; ++at) ledger.add(request_of(key_a, at));
    ledger.commit();
    const std::vector<Request> kept = ledger.requests({.job = key_a, .most = 99'999});
    ASSERT_EQ(kept.size(), static_cast<std::size_t>(requests_kept) + 1);
    EXPECT_TRUE(kept.front().first);
    EXPECT_EQ(kept[1].at, 6);
    EXPECT_EQ(ledger.requests({.job = key_b}).size(), 1U) << "one job does not push out another's";
}

TEST_F(LedgerTest, ManyJobsKeepTheNewestRequestsOfAll)
{
    ledger.begin();
    for (std::int64_t job = 0; job * 1'000 < requests_kept_of_all + 3'000; ++job)
        for (Seconds at = 1; at <= 1'024; ++at) ledger.add(request_of("job" + std::to_string(job), at));
    ledger.commit();
    EXPECT_LE(ledger.requests({.most = 99'999}).size(), static_cast<std::size_t>(requests_kept_of_all) + 64);
    EXPECT_TRUE(ledger.requests({.job = "job0"}).empty());
}

TEST_F(LedgerTest, ARequestThatIsTooLongOrOddIsKeptInPart)
{
    Request request = request_of(key_a, 1);
    request.body = "\"" + std::string(request_body_max, 'x') + "\"";
    ledger.add(request);
    request = request_of(key_a, 2);
    request.target = "/\x1b[31m?" + std::string(9'999, 'y');
    ledger.add(request);
    const std::vector<Request> kept = ledger.requests({});
    EXPECT_FALSE(kept.at(0).whole);
    EXPECT_EQ(kept.at(0).body, "");
    EXPECT_EQ(kept.at(0).target, "/containers/create");
    EXPECT_EQ(kept.at(1).target, "/\\x1b[31m");
}

TEST_F(LedgerTest, RequestsOfForgottenJobsAreForgotten)
{
    ledger.add(job_of(key_a, "a"));
    ledger.set_state(key_a, JobState::closed, 50);
    ledger.add(job_of(key_b, "b"));
    ledger.add(request_of(key_a, 10));
    ledger.add(request_of(key_b, 10));
    ledger.forget(60);
    ASSERT_EQ(ledger.requests({}).size(), 1U);
    EXPECT_EQ(ledger.requests({}).front().job, key_b);
}

TEST(Printable, EscapesWhatATerminalOrALogCouldObey)
{
    const struct {
        std::string text, shown;
    } cases[] = {
        {"", ""},
        {"plain \\ \"text\"", "plain \\ \"text\""},
        {"tab\tbell\adel\x7f", "tab\\x09bell\\x07del\\x7f"},
        {std::string("nul\0!", 5), "nul\\x00!"},
        {"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x9A\xA2", "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x9A\xA2"},
        {"c1 \xC2\x9B\x33m", "c1 \\xc2\\x9b3m"},
        {"alone \x80\xFF", "alone \\x80\\xff"},
        {"overlong \xC0\xAF \xE0\x80\xAF \xF0\x80\x80\xAF", "overlong \\xc0\\xaf \\xe0\\x80\\xaf \\xf0\\x80\\x80\\xaf"},
        {"surrogate \xED\xA0\x80", "surrogate \\xed\\xa0\\x80"},
        {"beyond \xF4\x90\x80\x80", "beyond \\xf4\\x90\\x80\\x80"},
        {"cut off \xE2\x82", "cut off \\xe2\\x82"},
        {std::string(300, 'x'), std::string(256, 'x')},
        {std::string(255, 'x') + "\xC3\xBC", std::string(255, 'x')},
        {std::string(253, 'x') + "\n", std::string(253, 'x')},
        {std::string(252, 'x') + "\n!", std::string(252, 'x') + "\\x0a"},
    };
    for (const auto& each : cases) EXPECT_EQ(printable(each.text), each.shown);
}

TEST_F(LedgerTest, TheLastReapIsTheOneAddedLast)
{
    EXPECT_FALSE(ledger.last_reap());
    ledger.add(Reap{key_a, 10, 20, 3, 0, "{}"});
    ledger.add(Reap{key_b, 5, 6, 1, 2, R"({"errors":["busy"]})"});
    const Reap last = ledger.last_reap().value_or(Reap{});
    EXPECT_EQ(last.job, key_b);
    EXPECT_EQ(last.started, 5);
    EXPECT_EQ(last.finished, 6);
    EXPECT_EQ(last.removed, 1);
    EXPECT_EQ(last.left, 2);
    EXPECT_EQ(last.detail, R"({"errors":["busy"]})");
}

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

TEST_F(LedgerTest, TheCacheIsByImageAndName)
{
    EXPECT_FALSE(ledger.host_images()) << "nobody has looked yet";
    ledger.add_host_images({}, 5);
    EXPECT_EQ(ledger.host_images(), std::set<std::string>());
    ledger.add_host_images({"x", "y"}, 6);
    ledger.remove_host_image("y");
    EXPECT_TRUE(ledger.is_host_image("x"));
    EXPECT_FALSE(ledger.is_host_image("y"));

    ledger.put(Cached{"", "app:1", "", 10});  // a pull that is under way
    ledger.put(Cached{"i", "app:1", "", 20});
    ledger.end_pull("app:1");
    EXPECT_TRUE(ledger.is_cached("i", "app:1"));
    EXPECT_FALSE(ledger.is_cached("i", "app:2"));
    EXPECT_TRUE(ledger.is_unkept("i", "app:1"));
    ledger.put(Cached{"i", "app:1", "default", 15});
    EXPECT_FALSE(ledger.is_unkept("i", "app:1"));
    EXPECT_EQ(ledger.cached().at(0).used, 20) << "time does not go back";
    ledger.put(Cached{"i", "app:1", "", 30});
    EXPECT_EQ(ledger.cached().at(0).profile, "default") << "who keeps nothing takes nothing away";
    ledger.put(Cached{"i", "app:2", "default", 25});
    ledger.touch_cached("i", 40);
    ledger.touch_cached("app:2", 50);
    EXPECT_EQ(ledger.cached().at(0).used, 40);
    EXPECT_EQ(ledger.cached().at(1).used, 50);
    ledger.uncache("i", "app:1");
    EXPECT_EQ(ledger.cached().size(), 1U);
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

TEST_F(LedgerTest, ARollbackUndoesAllSinceBegin)
{
    ledger.add(job_of("k1", "before"));
    ledger.begin();
    ledger.add(job_of("k2", "within"));
    ledger.rollback();
    EXPECT_EQ(ids(ledger.jobs()), (Ids{"before"}));
    EXPECT_NO_THROW(ledger.rollback()) << "there is nothing to undo";
}

TEST_F(LedgerTest, AStepIsUndoneAlone)
{
    ledger.begin();
    ledger.mark();
    ledger.add(job_of("k1", "kept"));
    ledger.release();
    ledger.mark();
    ledger.add(job_of("k2", "undone"));
    EXPECT_THROW(ledger.add(job_of("k2", "twice")), Failure);
    ledger.undo();
    ledger.mark();
    ledger.add(job_of("k3", "kept too"));
    ledger.release();
    ledger.commit();
    EXPECT_EQ(ids(ledger.jobs()), (Ids{"kept", "kept too"}));
}

TEST_F(LedgerTest, AStepNeedsATransaction)
{
    EXPECT_THROW(ledger.mark(), Failure);
    EXPECT_THROW(ledger.commit(), Failure);
    ledger.begin();
    EXPECT_THROW(ledger.begin(), Failure);
}

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

TEST(StateNames, AreThoseOfTheLedger)
{
    EXPECT_EQ(state_name(JobState::open), "open");
    EXPECT_EQ(state_name(JobState::draining), "draining");
    EXPECT_EQ(state_name(JobState::closed), "closed");
    EXPECT_EQ(state_name(ObjectState::intended), "intended");
    EXPECT_EQ(state_name(ObjectState::live), "live");
    EXPECT_EQ(state_name(ObjectState::removing), "removing");
    EXPECT_EQ(state_name(ObjectState::gone), "gone");
}

TEST(Ledger, ALeaseIsKeptUntilItEnds)
{
    Ledger ledger(":memory:");
    ledger.add(job_of(key_a, "a"));
    ledger.put(Lease{key_a, "bridge", "10.213.0.0/26", "bt-1"});
    ledger.put(Lease{key_a, "app", "", "bt-2"});
    ledger.put(Lease{key_a, "bridge", "10.213.0.64/26", "bt-1"});
    ASSERT_EQ(ledger.leases().size(), 2u);
    EXPECT_EQ(ledger.leases()[1].network, "bridge");
    EXPECT_EQ(ledger.leases()[1].subnet, "10.213.0.64/26");
    EXPECT_THROW(ledger.put(Lease{key_a, "other", "", "bt-1"}), Failure);
    ledger.end_lease(key_a, "app");
    EXPECT_EQ(ledger.leases().size(), 1u);
    ledger.end_leases(key_a);
    EXPECT_TRUE(ledger.leases().empty());
    EXPECT_THROW(ledger.put(Lease{key_b, "bridge", "", "bt-3"}), Failure);  // no such job
}

}  // namespace
}  // namespace db
