#include "rules/judge/suggest.h"

#include <gtest/gtest.h>

#include "rules/profile/profile_file.h"

namespace rules {
namespace {

AskedRequest a_request(const std::string& method, const std::string& target, const std::string& body = "null", const std::string& facts = "{}")
{
    return {method, target, Json::parse(body), Json::parse(facts)};
}

/// What jobs of many kinds do, each allowed by some profile.
std::vector<AskedRequest> a_day()
{
    return {
        a_request("GET", "/v1.41/_ping"),
        a_request("POST", "/v1.41/images/create?fromImage=busybox&tag=1.36"),
        a_request("POST", "/v1.41/images/create?fromImage=127.0.0.1:5000/team/app&tag=latest"),
        a_request("POST", "/v1.41/networks/create", R"({"Name":"mine","IPAM":{"Config":[{"Subnet":"10.77.0.0/24"}]}})"),
        a_request("POST", "/v1.41/volumes/create", R"({"Name":"data"})"),
        a_request("POST", "/v1.41/containers/create?name=web", R"({"Image":"busybox","HostConfig":{"CapAdd":["CAP_NET_ADMIN","sys_ptrace"],
            "Binds":["/src:/src","data:/data"],"PortBindings":{"80/tcp":[{"HostPort":"8080"}],"81/tcp":[{"HostPort":"9000"}]},
            "RestartPolicy":{"Name":"always"},"Sysctls":{"net.core.somaxconn":"9"},"ShmSize":1000000000,"Tmpfs":{"/t":"size=64m"},
            "Ulimits":[{"Name":"nofile","Soft":4096,"Hard":8192},{"Name":"core","Soft":0,"Hard":0}],"LogConfig":{"Type":"local"},
            "Devices":[{"PathOnHost":"/dev/fuse","PathInContainer":"/dev/fuse","CgroupPermissions":"rwm"}],"NetworkMode":"mine"}})"),
        a_request("POST", "/v1.41/containers/create",
                  R"({"Image":"busybox","HostConfig":{"PidMode":"container:a","IpcMode":"container:a","NetworkMode":"container:a"}})"),
        a_request("POST", "/v1.41/containers/create", R"({"Image":"busybox","HostConfig":{"Binds":["/var/run/docker.sock:/var/run/docker.sock"]}})"),
        a_request("POST", "/v1.41/containers/create", R"({"Image":"mine"})", R"({"image":{"User":"1000"}})"),
        a_request("POST", "/v1.41/containers/a/start"),
        a_request("POST", "/v1.41/containers/a/exec", R"({"Cmd":["true"],"User":"0"})"),
        a_request("POST", "/v1.41/exec/b/start", "{}"),
        a_request("POST", "/v1.41/build?t=app&networkmode=mine&shmsize=300000000", "null", R"({"pulls":["ghcr.io/us/base:1"]})"),
        a_request("POST", "/v1.41/build?t=app&networkmode=none"),
        a_request("POST", "/v1.41/commit?container=a&repo=b", "{}"),
        a_request("POST", "/v1.41/images/app/push?tag=1"),
        a_request("GET", "/v1.41/images/app/get"),
        a_request("POST", "/v1.41/images/load"),
        a_request("POST", "/v1.41/images/create?fromSrc=-&repo=x"),
    };
}

Profile loaded(const Suggestion& suggestion)
{
    const auto book = read_rules({{"suggested", suggestion.text}});
    EXPECT_TRUE(book) << book.error().message << "\n" << suggestion.text;
    return book ? *book->find("suggested") : Profile{};
}

Outcome outcome(const AskedRequest& request, const Profile& profile)
{
    return judge_request(request, AnyLookup(), profile).outcome;
}

const Profile base = read_rules({{"base", "[profile.default]\ndevices.allowed = [\"/dev/kvm\"]\n"}}).value().profiles.at("default");

TEST(Suggestion, AllowsAllThatWasDoneAndIsReadAsItIsWritten)
{
    const Suggestion made = suggest_profile("suggested", a_day(), base);
    EXPECT_EQ(made.left, 0u) << made.text;
    EXPECT_EQ(made.requests, a_day().size());
    const Profile profile = loaded(made);
    for (const AskedRequest& each : a_day()) EXPECT_EQ(outcome(each, profile), Outcome::allowed) << each.target << "\n" << made.text;
    EXPECT_EQ(profile.capabilities_allowed, (std::vector<std::string>{"NET_ADMIN", "SYS_PTRACE"}));
    EXPECT_EQ(profile.registries, (std::vector<std::string>{"docker.io/library/busybox", "127.0.0.1:5000/team/app", "ghcr.io/us/base"}));
    EXPECT_EQ(profile.ports_range, "8080-9000");
    EXPECT_EQ(profile.network_subnets, (std::vector<std::string>{"10.77.0.0/24"}));
    EXPECT_EQ(profile.build_networks, (std::vector<std::string>{"own", "none"}));
    EXPECT_EQ(profile.binds_allowed, "read-write");
    EXPECT_EQ(profile.nofile_max, 8192);
    EXPECT_EQ(profile.job_containers, 4);
    EXPECT_NE(made.text.find("#   container.create: HostConfig.CapAdd CAP_NET_ADMIN"), std::string::npos) << made.text;
}

TEST(Suggestion, OfEachRequestAloneAllowsItAndLittleElse)
{
    for (const AskedRequest& each : a_day()) {
        const Profile profile = loaded(suggest_profile("suggested", {each}, base));
        EXPECT_EQ(outcome(each, profile), Outcome::allowed) << each.target;
        std::size_t others = 0;
        for (const AskedRequest& other : a_day())
            if (outcome(other, profile) == Outcome::allowed) ++others;
        EXPECT_LE(others, 4u) << each.target;
    }
}

TEST(Suggestion, RefusesWhatWasNotDone)
{
    const Profile profile = loaded(suggest_profile("suggested", {a_request("POST", "/images/create?fromImage=busybox&tag=1.36"),
                                                                 a_request("POST", "/containers/create", R"({"Image":"busybox"})")}, base));
    const auto refused_by = [&](const AskedRequest& request) { return judge_request(request, AnyLookup(), profile).error.rule; };
    EXPECT_EQ(refused_by(a_request("POST", "/images/create?fromImage=ghcr.io/them/app&tag=1")), "images.registries");
    EXPECT_EQ(refused_by(a_request("POST", "/images/create?fromImage=busybox")), "images.tags");
    EXPECT_EQ(refused_by(a_request("POST", "/containers/create", R"({"Image":"a","HostConfig":{"Binds":["/etc:/x"]}})")), "binds.allowed");
    EXPECT_EQ(refused_by(a_request("POST", "/containers/create", R"({"Image":"a","HostConfig":{"Privileged":true}})")), "privileged");
    EXPECT_EQ(refused_by(a_request("POST", "/containers/a/kill")), "endpoints.closed");
    EXPECT_EQ(refused_by(a_request("GET", "/_ping")), "");
    EXPECT_EQ(refused_by(a_request("POST", "/volumes/create", "{}")), "endpoints.closed");
}

TEST(Suggestion, NamesWhatNoProfileAllowsAndStaysReadable)
{
    const Suggestion made =
        suggest_profile("suggested",
                        {a_request("POST", "/containers/create", R"({"Image":"a","HostConfig":{"Privileged":true}})"),
                         a_request("POST", "/containers/create", R"({"Image":"a","HostConfig":{"SecurityOpt":["x\u0007\ny=\"z\""]}})")},
                        base);
    EXPECT_GE(made.left, 1u);
    EXPECT_NE(made.text.find("# No profile allows: POST /containers/create: berth: HostConfig.Privileged"), std::string::npos);
    loaded(made);
}

}  // namespace
}  // namespace rules
