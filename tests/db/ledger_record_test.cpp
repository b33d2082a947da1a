#include "tests/db/ledger_fixture.h"

// What was refused, what was asked, and what an end removed.
namespace db {
namespace {

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

}  // namespace
}  // namespace db
