#include "rules/buildkit/attributes.h"

#include "tests/rules/bodies/profile_of.h"
#include "tests/rules/buildkit/building.h"

namespace rules {
namespace {

const Attributes always = {{"cmdline", "docker/dockerfile"},
                           {"build-arg:BUILDKIT_CACHE_MOUNT_NS", "of-the-job"},
                           {"cgroup-parent", "/berth.slice/job"}};

/// What is sent besides what always is.
Attributes sent_of(const Attributes& asked, const Profile& profile = {}, const BuildingJob& job = a_building_job())
{
    const Result<Attributes> sent = judge_attributes(asked, profile, job);
    EXPECT_TRUE(sent) << sent.error().message;
    if (!sent) return {};
    Attributes rest = *sent;
    for (const auto& [name, value] : always) {
        EXPECT_EQ(rest[name], value);
        rest.erase(name);
    }
    // One more host is always there: it makes steps those of the job.
    const std::string own = "of-the-job.cache.invalid=127.0.0.1";
    std::string& hosts = rest["add-hosts"];
    EXPECT_TRUE(hosts.ends_with(own)) << hosts;
    hosts.resize(hosts.size() - std::min(own.size(), hosts.size()));
    if (hosts.ends_with(',')) hosts.pop_back();
    if (hosts.empty()) rest.erase("add-hosts");
    return rest;
}

std::string refusal_of(const std::string& name, const std::string& value, const Profile& profile = {}, const BuildingJob& job = a_building_job())
{
    return refusal(judge_attributes({{name, value}}, profile, job));
}

TEST(Attributes, PassAsTheyAre)
{
    const Attributes asked = {{"filename", "docker/Dockerfile"},
                              {"target", "release"},
                              {"platform", "linux/amd64,linux/arm64"},
                              {"no-cache", "base"},
                              {"hostname", "builder"},
                              {"multi-platform", "true"},
                              {"frontend.caps", "moby.buildkit.frontend.inputs"},
                              {"requestid", "frontend.outline"},
                              {"contextkey", "context"},
                              {"dockerfilekey", "dockerfile"},
                              {"contextsubdir", "app"},
                              {"context", "local:context"},
                              {"context:base", "docker-image://alpine:3"},
                              {"build-arg:VERSION", "1.2"},
                              {"build-arg:buildkit_syntax", "as any argument"},
                              {"build-arg:BUILDKIT_SYNTAX2", "as any argument"},
                              {"label:org.example", "a"},
                              {"vcs:revision", "0123abcd"},
                              {"attest:provenance", "mode=min"},
                              {"shm-size", "1048576"},
                              {"ulimit", "nofile=1024:2048,core=0,stack=-1"}};
    EXPECT_EQ(sent_of(asked), asked);
}

TEST(Attributes, SomeAreLeftOut)
{
    EXPECT_EQ(sent_of({{"input-metadata:base", "{}"},
                       {"image-resolve-mode", "local"},
                       {"cache-from", "registry.example/a"},
                       {"cache-imports", "[]"},
                       {"label:berth.key", "x"},
                       {"label: Berth.Job", "x"},
                       {"force-network-mode", "default"}}),
              Attributes{});
}

TEST(Attributes, SomeAreForcedWhateverWasAsked)
{
    const Attributes asked = {{"build-arg:BUILDKIT_CACHE_MOUNT_NS", "another"}, {"cgroup-parent", "/"}};
    EXPECT_EQ(sent_of(asked), Attributes{});
    EXPECT_EQ(sent_of({}), Attributes{});

    BuildingJob job = a_building_job();
    job.cgroup.clear();
    const auto sent = judge_attributes(asked, {}, job);
    ASSERT_TRUE(sent);
    EXPECT_FALSE(sent->contains("cgroup-parent")) << "of the engine's own, not the client's";
}

TEST(Attributes, OfTwoJobsDoNotMeet)
{
    BuildingJob job = a_building_job();
    EXPECT_EQ(sent_of({{"local-sessionid:context", "abc"}}), (Attributes{{"local-sessionid:context", "berth." + building_key + ".abc"}}));
    EXPECT_EQ(sent_of({{"local-sessionid:context", "berth.zzzzzzzzzzzzzzzzzzzzzzzz77.abc"}}),
              (Attributes{{"local-sessionid:context", "berth." + building_key + ".berth.zzzzzzzzzzzzzzzzzzzzzzzz77.abc"}}));
    EXPECT_EQ(building_name(building_key, "a:b/c"), "berth." + building_key + ".a~3Ab~2Fc") << "no colon, at which the engine cuts";
    job.space = "of-another";
    const auto sent = judge_attributes({}, {}, job);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->at("build-arg:BUILDKIT_CACHE_MOUNT_NS"), "of-another");
    EXPECT_EQ(sent->at("add-hosts"), "of-another.cache.invalid=127.0.0.1");
}

struct Refused {
    std::string name, value, by;
};

class AttributeIsRefused : public testing::TestWithParam<Refused> {};

TEST_P(AttributeIsRefused, WithAWayOut)
{
    const auto& [name, value, by] = GetParam();
    const auto sent = judge_attributes({{"filename", "Dockerfile"}, {name, value}}, {}, a_building_job());
    EXPECT_EQ(refusal(sent), by) << name << "=" << value;
    if (!sent) EXPECT_LT(sent.error().message.size(), 1000u) << "it goes into a field of an answer";
}

INSTANTIATE_TEST_SUITE_P(
    Rows, AttributeIsRefused,
    testing::Values(Refused{"build-arg:BUILDKIT_SYNTAX", "evil/frontend", "frontend"}, Refused{"source", "evil/frontend", "frontend"},
                    Refused{"cmdline", "evil/frontend", "frontend"}, Refused{"context", "https://example.com/a.tar", "closed"},
                    Refused{"context", "http://169.254.169.254/", "closed"}, Refused{"context", "git://example.com/a", "closed"},
                    Refused{"context", "ssh://git@example.com/a", "closed"}, Refused{"context", "git@example.com:a/b", "closed"},
                    Refused{"context", "github.com/a/b", "closed"}, Refused{"context:base", "https://example.com/a.git#main", "closed"},
                    Refused{"context:base", "input:base", "closed"}, Refused{"context:base", "oci-layout://x@sha256:1", "closed"},
                    Refused{"attest:sbom", "generator=evil/scanner", "closed"}, Refused{"attest:", "x", "unknown-attribute"},
                    Refused{"build-arg:", "x", "unknown-attribute"}, Refused{"label:", "x", "unknown-attribute"},
                    Refused{"", "", "unknown-attribute"}, Refused{"Filename", "x", "unknown-attribute"},
                    Refused{"context ", "x", "unknown-attribute"}, Refused{"gateway-devel", "true", "unknown-attribute"},
                    Refused{"device", "nvidia.com/gpu=all", "unknown-attribute"},
                    Refused{std::string(100000, 'x'), std::string(100000, 'y'), "unknown-attribute"}));

INSTANTIATE_TEST_SUITE_P(
    Limits, AttributeIsRefused,
    testing::Values(Refused{"shm-size", "2147483649", "limits.container.shm_max"}, Refused{"shm-size", "", "400"}, Refused{"shm-size", "1g", "400"},
                    Refused{"shm-size", "-1", "400"}, Refused{"shm-size", "+1", "400"}, Refused{"shm-size", "9999999999999999999999", "400"},
                    Refused{"ulimit", "nofile=1:1048577", "ulimits.nofile_max"}, Refused{"ulimit", "stack=1,nofile=-1", "ulimits.nofile_max"},
                    Refused{"ulimit", "nofile=9999999", "ulimits.nofile_max"}, Refused{"ulimit", "bogus=1", "400"},
                    Refused{"ulimit", "nofile", "400"}, Refused{"ulimit", "nofile=", "400"}, Refused{"ulimit", "nofile=1:", "400"},
                    Refused{"ulimit", "nofile=:1", "400"}, Refused{"ulimit", "no:file=1", "400"}, Refused{"ulimit", "nofile=1:2:3", "400"},
                    Refused{"ulimit", ",", "400"}, Refused{"ulimit", "\"nofile=9999999\"", "400"}, Refused{"ulimit", "nofile=1e9", "400"}));

INSTANTIATE_TEST_SUITE_P(Hosts, AttributeIsRefused,
                         testing::Values(Refused{"add-hosts", "a", "400"}, Refused{"add-hosts", "a=", "400"}, Refused{"add-hosts", "a=b", "400"},
                                         Refused{"add-hosts", "\"a=1.2.3.4\"", "400"}, Refused{"add-hosts", "a=1.2.3.4\nb=5.6.7.8", "400"},
                                         Refused{"add-hosts", "a=host-gateway ", "400"},
                                         Refused{"add-hosts", "a=" + std::string(100000, '1'), "400"}));

INSTANTIATE_TEST_SUITE_P(Networks, AttributeIsRefused,
                         testing::Values(Refused{"force-network-mode", "host", "host-namespace"}, Refused{"force-network-mode", "sandbox", "400"},
                                         Refused{"force-network-mode", "back", "400"}, Refused{"force-network-mode", "container:db", "400"},
                                         Refused{"force-network-mode", std::string(100000, 'n'), "400"}));

TEST(Attributes, TheHostsGatewayIsTheJobs)
{
    EXPECT_EQ(sent_of({{"add-hosts", "a=1.2.3.4,host.docker.internal=host-gateway,b=fd00::1"}}),
              (Attributes{{"add-hosts", "a=1.2.3.4,host.docker.internal=172.30.0.1,b=fd00::1"}}));
    EXPECT_EQ(sent_of({{"add-hosts", ""}}), Attributes{});
    BuildingJob job = a_building_job();
    job.gateway.clear();
    EXPECT_EQ(refusal_of("add-hosts", "a=host-gateway", {}, job), "400");
    EXPECT_EQ(refusal_of("add-hosts", "a=1.2.3.4", {}, job), "");
}

TEST(Attributes, LimitsAreTheProfiles)
{
    const Profile profile = profile_of("limits.container.shm_max = \"1MiB\"\nulimits.allowed = [\"core\", \"nofile\"]\nulimits.nofile_max = 100\n");
    EXPECT_EQ(refusal_of("shm-size", "1048576", profile), "");
    EXPECT_EQ(refusal_of("shm-size", "1048577", profile), "limits.container.shm_max");
    EXPECT_EQ(refusal_of("ulimit", "nofile=100,core=0", profile), "");
    EXPECT_EQ(refusal_of("ulimit", "nofile=100:101", profile), "ulimits.nofile_max");
    EXPECT_EQ(refusal_of("ulimit", "memlock=1", profile), "ulimits.allowed");
}

/// The mode that is sent; "" for the engine's sandbox, or what refused it in brackets.
std::string network_of(const std::string& rules, std::optional<std::string> asked = {})
{
    Attributes attributes;
    if (asked) attributes["force-network-mode"] = *asked;
    const auto sent = judge_attributes(attributes, profile_of(rules), a_building_job());
    if (!sent) return "(" + refusal(sent) + ")";
    const auto found = sent->find("force-network-mode");
    return found == sent->end() ? "" : found->second;
}

TEST(Attributes, TheNetworkIsTheProfiles)
{
    EXPECT_EQ(network_of(""), "");
    EXPECT_EQ(network_of("", ""), "");
    EXPECT_EQ(network_of("", "bridge"), "");
    EXPECT_EQ(network_of("", "none"), "none");

    const std::string only_none = "build.networks = [\"none\"]\n";
    EXPECT_EQ(network_of(only_none), "(build.networks)") << "without a mode, too";
    EXPECT_EQ(network_of(only_none, "default"), "(build.networks)");
    EXPECT_EQ(network_of(only_none, "none"), "none");
    EXPECT_EQ(network_of("build.networks = [\"default\"]\n", "none"), "(build.networks)");

    for (const std::string egress : {"networks.egress = [\"10.0.0.0/8\"]\n", "networks.egress = [\"none\"]\n", "networks.egress = []\n"}) {
        EXPECT_EQ(network_of(egress), "none") << egress;
        EXPECT_EQ(network_of(egress, "default"), "none") << egress;
        EXPECT_EQ(network_of(egress, "bridge"), "(networks.egress)") << egress;
    }

    const std::string no_host = "networks.host_reachable = false\n";
    EXPECT_EQ(network_of(no_host), "none") << "steps are on the engine's own bridge";
    EXPECT_EQ(network_of(no_host, "default"), "none");
    EXPECT_EQ(network_of(no_host, "bridge"), "none");
    EXPECT_EQ(network_of(no_host, "host"), "(host-namespace)");
}

TEST(Attributes, WithoutACacheEachStepRunsAnew)
{
    const Profile profile = profile_of("build.cache = false\n");
    EXPECT_EQ(sent_of({}, profile), (Attributes{{"no-cache", ""}}));
    EXPECT_EQ(sent_of({{"no-cache", "one-stage"}}, profile), (Attributes{{"no-cache", ""}}));
}

TEST(Attributes, APullIsWanted)
{
    EXPECT_TRUE(wants_pull({{"image-resolve-mode", "pull"}}));
    EXPECT_FALSE(wants_pull({{"image-resolve-mode", "local"}}));
    EXPECT_FALSE(wants_pull({}));
}

}  // namespace
}  // namespace rules
