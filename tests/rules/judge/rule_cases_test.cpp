#include "rules/judge/rule_cases.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

std::vector<RuleCase> cases_of(const std::string& text)
{
    const auto cases = read_cases({"c.toml", text});
    EXPECT_TRUE(cases) << cases.error().message;
    return cases.value_or(std::vector<RuleCase>{});
}

TEST(RuleCases, AreReadWithBodiesOfBothKinds)
{
    const auto cases = cases_of(R"toml(
[[case]]
name = "no root"
profile = "strict"
request = "POST /containers/create"
body = { Image = "busybox", HostConfig = { Privileged = true, ShmSize = 5, CapAdd = ["A", "B"] } }
expect = "deny"
rule = "privileged"
[[case]]
request = "GET /info"
body = '{"a": 1.5}'
image_user = "1000"
expect = "allow"
)toml");
    ASSERT_EQ(cases.size(), 2u);
    EXPECT_EQ(cases[0].place, "c.toml:2:1");
    EXPECT_EQ(cases[0].profile, "strict");
    EXPECT_EQ(cases[0].request.body, Json::parse(R"({"Image":"busybox","HostConfig":{"Privileged":true,"ShmSize":5,"CapAdd":["A","B"]}})"));
    EXPECT_FALSE(cases[0].allow);
    EXPECT_EQ(cases[1].request.method, "GET");
    EXPECT_EQ(cases[1].request.target, "/info");
    EXPECT_EQ(cases[1].request.facts["image"]["User"], "1000");
    EXPECT_EQ(cases[1].profile, "default");
}

TEST(RuleCases, MistakesAreToldWithTheirPlace)
{
    const struct {
        const char* text;
        const char* mistake;
    } cases[] = {
        {"[[case]]\nrequest = \"GET /info\"\nexpects = \"allow\"\n", "c.toml:3:1: unknown key \"expects\"; did you mean \"expect\"?"},
        {"[[case]]\nrequest = \"/info\"\nexpect = \"allow\"\n", "c.toml:2:11: request: it must be a method and a path"},
        {"[[case]]\nrequest = \"GET /info\"\nexpect = \"maybe\"\n", "expect: it must be \"allow\" or \"deny\""},
        {"[[case]]\nexpect = \"deny\"\n", "a case has \"request\""},
        {"[[case]]\nrequest = \"GET /info\"\nexpect = \"allow\"\nrule = \"x\"\n", "a rule is of a case that expects \"deny\""},
        {"[[case]]\nrequest = \"GET /info\"\nexpect = \"deny\"\nbody = '{'\n", "c.toml:4:8: body: "},
        {"[[case]]\nrequest = \"GET /info\"\nexpect = \"deny\"\nbody = { a = 1979-05-27 }\n", "table without dates"},
        {"[case]\n", "a case is written as [[case]]"},
        {"x = \n", "c.toml:1:"},
    };
    for (const auto& each : cases) {
        const auto read = read_cases({"c.toml", each.text});
        ASSERT_FALSE(read) << each.text;
        EXPECT_NE(read.error().message.find(each.mistake), std::string::npos) << read.error().message;
    }
}

TEST(RuleCases, TellHowAVerdictDiffers)
{
    const Rulebook book = read_rules({{"r.toml", "[profile.watch]\nextends = \"strict\"\nmode = \"observe\"\n"}}).value();
    const auto differs = [&](const std::string& more) {
        const auto cases = cases_of("[[case]]\nrequest = \"POST /containers/create\"\n" + more);
        return mismatch(cases.at(0), book).value_or("");
    };
    const std::string image = "body = { Image = \"a\" }\n", privileged = "body = { Image = \"a\", HostConfig = { Privileged = true } }\n";
    EXPECT_EQ(differs("expect = \"allow\"\n" + image), "");
    EXPECT_EQ(differs("expect = \"deny\"\n" + privileged), "");
    EXPECT_EQ(differs("expect = \"deny\"\nrule = \"privileged\"\n" + privileged), "");
    EXPECT_EQ(differs("expect = \"deny\"\n" + image), "expected deny, got allow");
    EXPECT_NE(differs("expect = \"allow\"\n" + privileged).find("expected allow, got deny: berth: HostConfig.Privileged"), std::string::npos);
    EXPECT_EQ(differs("expect = \"deny\"\nrule = \"binds\"\n" + privileged), "expected deny by rule \"binds\", got \"privileged\"");
    EXPECT_NE(differs("expect = \"deny\"\nprofile = \"watch\"\n" + image).find("only observes"), std::string::npos);
    EXPECT_EQ(differs("expect = \"allow\"\nprofile = \"watch\"\n" + image), "");
    EXPECT_EQ(differs("expect = \"deny\"\nprofile = \"nobody\"\n" + image), "there is no profile \"nobody\"");
    EXPECT_NE(differs("expect = \"deny\"\nbody = { image = \"a\" }\n").find("the request is no good"), std::string::npos);
}

}  // namespace
}  // namespace rules
