#include <gtest/gtest.h>

#include "rules/bodies/bodies.h"
#include "tests/rules/bodies/profile_of.h"
#include "tests/rules/fake_lookup.h"

// What a profile changes of an exec, a network, a volume, a build.
namespace rules {
namespace {

TEST(LimitsOfABuild, AreThoseOfAContainer)
{
    const Profile profile = profile_of("limits.container.memory_max = '1GiB'\nlimits.container.cpus_max = 2");
    const Json limits = judge_build_limits(Json{{"Memory", 0}, {"ShmSize", 1024}}, profile).value();
    EXPECT_EQ(limits, Json::parse(R"({"Memory":1073741824,"CpuQuota":200000,"CpuPeriod":100000,"ShmSize":1024})"));
    EXPECT_EQ(judge_build_limits(Json{{"Memory", 5}}, {}).value(), (Json{{"Memory", 5}}));
}

TEST(ProfileOfABuild, NamesItsNetworks)
{
    const auto refused = [](const std::string& toml, const std::string& mode) {
        const auto judged = judge_build_network(mode, profile_of(toml));
        return judged ? "" : judged.error().rule;
    };
    for (const char* mode : {"", "default", "bridge", "none", "back", "container:db"})
        EXPECT_EQ(refused("", mode), "") << mode;
    EXPECT_EQ(refused("", "host"), "host-namespace");
    for (const char* mode : {"", "default", "bridge", "back", "container:db"})
        EXPECT_EQ(refused("build.networks = ['none']", mode), "build.networks") << mode;
    EXPECT_EQ(refused("build.networks = ['none']", "none"), "");
    for (const char* egress : {"networks.egress = 'none'", "networks.egress = ['10.0.0.0/8']"}) {
        for (const char* mode : {"bridge", "back"}) EXPECT_EQ(refused(egress, mode), "networks.egress") << mode;
        for (const char* mode : {"", "default", "none"}) EXPECT_EQ(judge_build_network(mode, profile_of(egress)).value(), "none") << mode;
        EXPECT_EQ(judge_build_network("container:db", profile_of(egress)).value(), "container:db");
    }
}

TEST(ProfileOfAnExec, NamesItsUsersAndVariables)
{
    const auto refused = [](const std::string& toml, const char* body) {
        const auto judged = rewrite_exec_create(admit(Json::parse(body), exec_create_schema).value(), profile_of(toml));
        return judged ? "" : judged.error().rule;
    };
    EXPECT_EQ(refused("", R"({"Cmd":["x"],"User":"root"})"), "");
    EXPECT_EQ(refused("exec.users = []", R"({"Cmd":["x"],"User":"root"})"), "exec.users");
    EXPECT_EQ(refused("exec.users = []", R"({"Cmd":["x"],"User":""})"), "");
    EXPECT_EQ(refused("exec.users = ['app']", R"({"Cmd":["x"],"User":"app"})"), "");
    EXPECT_EQ(refused("user.non_root = true", R"({"Cmd":["x"],"User":"0"})"), "user.non_root");
    EXPECT_EQ(refused("user.non_root = true", R"({"Cmd":["x"],"User":"1000"})"), "");
    EXPECT_EQ(refused("env.refused = ['LD_*']", R"({"Cmd":["x"],"Env":["LD_PRELOAD=x"]})"), "env.refused");
}

TEST(ProfileOfNetworksAndVolumes, NamesDriversAndSubnets)
{
    const RewriteContext context{"build-17", std::string(FakeLookup::test_key), "ci", "/door", Version{1, 47}};
    const auto network = [&](const std::string& toml, const char* body) {
        const auto judged =
            rewrite_network_create(admit(Json::parse(body), network_create_schema).value(), profile_of(toml), context);
        return judged ? "" : judged.error().rule;
    };
    const char* subnet = R"({"Name":"n","IPAM":{"Config":[{"Subnet":"10.9.0.0/24"}]}})";
    EXPECT_EQ(network("", subnet), "");
    EXPECT_EQ(network("networks.subnets = ['192.168.0.0/16']", subnet), "networks.subnets");
    EXPECT_EQ(network("networks.subnets = []", subnet), "networks.subnets");
    EXPECT_EQ(network("networks.subnets = []", R"({"Name":"n"})"), "");
    EXPECT_EQ(network("networks.drivers = []", R"({"Name":"n"})"), "networks.drivers");

    const auto volume = [&](const std::string& toml, const char* body) -> std::string {
        const auto judged =
            rewrite_volume_create(admit(Json::parse(body), volume_create_schema).value(), profile_of(toml), context);
        return judged ? judged->value("Driver", "") : judged.error().rule;
    };
    EXPECT_EQ(volume("", R"({"Name":"v"})"), "local");
    EXPECT_EQ(volume("", R"({"Name":"v","Driver":"nfs"})"), "volumes.drivers");
    EXPECT_EQ(volume("volumes.drivers = ['local', 'nfs']", R"({"Name":"v","Driver":"nfs"})"), "nfs");
    EXPECT_EQ(volume("volumes.drivers = ['local', 'nfs']", R"({"Name":"v","Driver":"nfs","DriverOpts":{"o":"bind"}})"),
              "volume-options");
    EXPECT_EQ(volume("volumes.drivers = []", R"({"Name":"v"})"), "volumes.drivers");
}

}  // namespace
}  // namespace rules
