#include <gtest/gtest.h>

#include "rules/bodies/bodies.h"

namespace rules {
namespace {

Result<Json> updated(const std::string& text)
{
    const Result<Json> body = admit(parse_json(text).value(), container_update_schema);
    return body ? rewrite_container_update(*body, Profile{}) : body;
}

TEST(ContainerUpdate, HasTheLimitsOfCreate)
{
    const std::pair<const char*, const char*> cases[] = {
        {R"({"Devices":[{"PathOnHost":"/dev/sda"}]})", "devices.allowed"},
        {R"({"DeviceCgroupRules":["b 8:* rwm"]})", "devices"},
        {R"({"OomKillDisable":true})", "oom"},
        {R"({"CpuRealtimeRuntime":1})", "realtime"},
        {R"({"BlkioWeightDevice":[{"Path":"/dev/sda"}]})", "block-io"},
        {R"({"Ulimits":[{"Name":"nofile","Soft":-1,"Hard":-1}]})", "ulimits.nofile_max"},
        {R"({"Privileged":true})", "unknown-field"},
        {R"({"Binds":["/:/x"]})", "unknown-field"},
        {R"({"HostConfig":{"Memory":1}})", "unknown-field"},
    };
    for (const auto& [body, rule] : cases) {
        const Result<Json> result = updated(body);
        ASSERT_FALSE(result) << body;
        EXPECT_EQ(result.error().status, 403) << body;
        EXPECT_EQ(result.error().rule, rule) << body;
    }
    EXPECT_EQ(updated(R"({"memory":1})").error().status, 400);
}

struct RestartCase {
    const char* asked;
    const char* name;
    int count;
};

TEST(ContainerUpdate, RestartsOnlySoOften)
{
    const RestartCase cases[] = {
        {R"({"Name":"always","MaximumRetryCount":0})", "on-failure", 10},
        {R"({"Name":"unless-stopped"})", "on-failure", 10},
        {R"({"Name":"on-failure","MaximumRetryCount":0})", "on-failure", 10},
        {R"({"Name":"on-failure"})", "on-failure", 10},
        {R"({"Name":"on-failure","MaximumRetryCount":1000})", "on-failure", 10},
        {R"({"Name":"on-failure","MaximumRetryCount":3})", "on-failure", 3},
        {R"({"Name":"no","MaximumRetryCount":0})", "no", 0},
    };
    for (const RestartCase& each : cases) {
        const Json policy = updated(std::string(R"({"RestartPolicy":)") + each.asked + "}").value()["RestartPolicy"];
        EXPECT_EQ(policy["Name"], each.name) << each.asked;
        EXPECT_EQ(policy["MaximumRetryCount"], each.count) << each.asked;
    }
}

TEST(ContainerUpdate, SendsADockerUpdateOn)
{
    // As docker 28.5 sends `docker update --memory 1g web`, without what is zero.
    const Json body =
        updated(R"({"CpuShares":0,"Memory":1073741824,"NanoCpus":0,"CgroupParent":"","BlkioWeightDevice":null,
        "Devices":null,"KernelMemory":0,"MemorySwappiness":null,"OomKillDisable":null,"PidsLimit":null,"Ulimits":null,
        "CpuCount":0,"RestartPolicy":{"Name":"","MaximumRetryCount":0}})")
            .value();
    EXPECT_EQ(body, Json::parse(R"({"CpuShares":0,"Memory":1073741824,"NanoCpus":0,
                                    "RestartPolicy":{"Name":"","MaximumRetryCount":0}})"));
}

}  // namespace
}  // namespace rules
