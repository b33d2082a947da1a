#include "rules/judge/verdict.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "rules/policy/endpoint_policy.h"
#include "rules/profile/knobs.h"
#include "rules/profile/profile_file.h"

namespace rules {
namespace {

Profile profile_of(const std::string& toml)
{
    const auto book = read_rules({{"test", "[profile.ci]\n" + toml}});
    EXPECT_TRUE(book) << book.error().message;
    return book ? *book->find("ci") : Profile{};
}

AskedRequest asked(const std::string& request, const std::string& body = "null")
{
    const std::size_t blank = request.find(' ');
    return {request.substr(0, blank), request.substr(blank + 1), Json::parse(body)};
}

Verdict judge(const std::string& toml, const std::string& request, const std::string& body = "null")
{
    return judge_request(asked(request, body), AnyLookup(), profile_of(toml));
}

const std::string create = "POST /containers/create";

std::string host(const std::string& config)
{
    return R"({"Image":"busybox","User":"1000","HostConfig":{)" + config + "}}";
}

TEST(Verdict, OfADefaultJobIsWhatTheDaemonSays)
{
    const struct {
        const char* request;
        std::string body;
        Outcome outcome;
        const char* rule;
    } cases[] = {
        {"POST /v1.41/containers/create?name=web", R"({"Image":"busybox"})", Outcome::allowed, ""},
        {"POST /containers/create", host(R"("Binds":["/builds/src:/src","data:/data"],"NetworkMode":"mine")"), Outcome::allowed, ""},
        {"POST /containers/create", host(R"("Privileged":true)"), Outcome::refused, "privileged"},
        {"POST /containers/create", host(R"("PidMode":"host")"), Outcome::refused, "host-namespace"},
        {"POST /containers/create", R"({"Image":"busybox","Made":"up"})", Outcome::refused, "unknown-field"},
        {"POST /containers/create", R"({"image":"busybox"})", Outcome::failed, ""},
        {"POST /containers/create", "{}", Outcome::failed, ""},
        {"POST /images/create?fromImage=busybox", "null", Outcome::allowed, ""},
        {"POST /images/create?fromSrc=http://x/y.tar", "null", Outcome::refused, "remote-context"},
        {"POST /build?networkmode=host", "null", Outcome::refused, "host-namespace"},
        {"POST /build?remote=git://x", "null", Outcome::refused, "closed-parameter"},
        {"GET /containers/json", "null", Outcome::allowed, ""},
        {"GET /containers/any/json", "null", Outcome::allowed, ""},
        {"POST /swarm/init", "null", Outcome::refused, "closed"},
        {"GET /no/such/page", "null", Outcome::failed, ""},
        {"GET /containers/../json", "null", Outcome::refused, "target"},
    };
    for (const auto& each : cases) {
        const Verdict verdict = judge("", each.request, each.body);
        EXPECT_EQ(outcome_name(verdict.outcome), outcome_name(each.outcome)) << each.request << each.body << verdict.error.message;
        EXPECT_EQ(verdict.error.rule, each.rule) << each.request;
    }
    EXPECT_EQ(judge("", create, host(R"("Privileged":true)")).endpoint->name, "container.create");
    EXPECT_EQ(judge("", "POST /swarm/init").endpoint->name, "swarm.init");
}

TEST(Verdict, OfAJobThatOnlyObservesIsObservedUnlessTheHostIsInDanger)
{
    const std::string watching = "extends = \"strict\"\nmode = \"observe\"\n";
    EXPECT_EQ(judge(watching, create, R"({"Image":"busybox"})").outcome, Outcome::observed);
    EXPECT_EQ(judge(watching, create, R"({"Image":"busybox"})").error.rule, "user.non_root");
    EXPECT_EQ(judge(watching, create, host(R"("Privileged":true)")).outcome, Outcome::refused);
}

TEST(Verdict, GoesByWhatTheImageBringsIn)
{
    AskedRequest request = asked(create, R"({"Image":"busybox"})");
    const Profile careful = profile_of("user.non_root = true\n");
    EXPECT_EQ(judge_request(request, AnyLookup(), careful).error.rule, "user.non_root");
    request.facts["image"] = image_facts(Json{{"User", "1000"}, {"Env", {"A=b"}}, {"Healthcheck", {{"Test", {"CMD"}}}}});
    EXPECT_EQ(judge_request(request, AnyLookup(), careful).outcome, Outcome::allowed);
    EXPECT_FALSE(request.facts["image"].contains("Env"));
    EXPECT_FALSE(request.facts["image"]["Healthcheck"].contains("Test"));

    AskedRequest build = asked("POST /build?t=app");
    build.facts["pulls"] = {"ghcr.io/them/base:1"};
    EXPECT_EQ(judge_request(build, AnyLookup(), profile_of("images.registries = [\"docker.io/**\"]\n")).error.rule, "images.registries");
}

/// A setting, and a request that it refuses: one for each knob that refuses.
struct Refusal {
    std::string_view knob;
    std::string toml;
    std::string request;
    std::string body = "null";
};

const std::vector<Refusal>& refusals()
{
    static const std::vector<Refusal> all = {
        {"capabilities.allowed", "", create, host(R"("CapAdd":["NET_ADMIN"])")},
        {"security.options", "", create, host(R"("SecurityOpt":["seccomp=unconfined"])")},
        {"sysctls.allowed", "sysctls.allowed = []", create, host(R"("Sysctls":{"net.ipv4.ip_forward":"1"})")},
        {"devices.allowed", "", create, host(R"("Devices":[{"PathOnHost":"/dev/fuse","PathInContainer":"/dev/fuse","CgroupPermissions":"rwm"}])")},
        {"devices.gpus", "", create, host(R"("DeviceRequests":[{"Count":-1,"Capabilities":[["gpu"]]}])")},
        {"devices.cdi", "devices.cdi = [\"a.b/c=1\"]", create, host(R"("DeviceRequests":[{"Driver":"cdi","DeviceIDs":["a.b/c=2"]}])")},
        {"runtime.allowed", "", create, host(R"("Runtime":"kata")")},
        {"user.non_root", "user.non_root = true", create, R"({"Image":"busybox","User":"0"})"},
        {"namespaces.shared", "namespaces.shared = []", create, host(R"("PidMode":"container:db")")},
        {"env.refused", "env.refused = [\"LD_*\"]", create, R"({"Image":"busybox","Env":["LD_PRELOAD=x"]})"},
        {"binds.allowed", "binds.allowed = \"none\"", create, host(R"("Binds":["/builds:/b"])")},
        {"binds.docker_socket", "binds.docker_socket = false", create, host(R"("Binds":["/var/run/docker.sock:/s"])")},
        {"volumes.drivers", "volumes.drivers = []", "POST /volumes/create", "{}"},
        {"networks.drivers", "networks.drivers = []", "POST /networks/create", R"({"Name":"n"})"},
        {"networks.subnets", "networks.subnets = [\"10.0.0.0/8\"]", "POST /networks/create",
         R"({"Name":"n","IPAM":{"Config":[{"Subnet":"172.20.0.0/16"}]}})"},
        {"ports.address", "ports.address = \"none\"", create, host(R"("PortBindings":{"80/tcp":[{}]})")},
        {"ports.range", "ports.range = \"8000-8999\"", create, host(R"("PortBindings":{"80/tcp":[{"HostPort":"80"}]})")},
        {"ports.max", "ports.max = 1", create, host(R"("PortBindings":{"80/tcp":[{}],"81/tcp":[{}]})")},
        {"restart.policies", "restart.policies = [\"no\"]", create, host(R"("RestartPolicy":{"Name":"always"})")},
        {"logs.drivers", "logs.drivers = [\"local\"]", create, host(R"("LogConfig":{"Type":"json-file"})")},
        {"ulimits.allowed", "ulimits.allowed = []", create, host(R"("Ulimits":[{"Name":"core","Soft":0,"Hard":0}])")},
        {"ulimits.nofile_max", "ulimits.nofile_max = 10", create, host(R"("Ulimits":[{"Name":"nofile","Soft":11,"Hard":11}])")},
        {"limits.container.shm_max", "limits.container.shm_max = \"1MiB\"", create, host(R"("ShmSize":2000000)")},
        {"limits.container.tmpfs_max", "limits.container.tmpfs_max = \"1MiB\"", create, host(R"("Tmpfs":{"/t":"size=2m"})")},
        {"images.registries", "images.registries = [\"ghcr.io/us/**\"]", "POST /images/create?fromImage=busybox"},
        {"images.registries_local", "", "POST /images/create?fromImage=127.0.0.1:5000/x"},
        {"images.registries_local", "", "POST /images/localhost:5000/x/push"},
        {"images.registries_local", "", "POST /auth", R"({"serveraddress":"http://0x7f.1/"})"},
        {"images.tags", "images.tags = \"no-latest\"", "POST /images/create?fromImage=busybox"},
        {"images.pull", "images.pull = false", "POST /images/create?fromImage=busybox"},
        {"images.push", "images.push = false", "POST /images/app/push"},
        {"images.commit", "images.commit = false", "POST /commit?container=a"},
        {"images.import", "images.import = false", "POST /images/create?fromSrc=-"},
        {"images.load", "images.load = false", "POST /images/load"},
        {"images.export", "images.export = false", "GET /images/app/get"},
        {"build.allowed", "build.allowed = false", "POST /build"},
        {"build.networks", "build.networks = [\"none\"]", "POST /build"},
        {"exec.allowed", "exec.allowed = false", "POST /containers/a/exec", R"({"Cmd":["true"]})"},
        {"exec.users", "exec.users = [\"1000\"]", "POST /containers/a/exec", R"({"Cmd":["true"],"User":"0"})"},
        {"endpoints.closed", "endpoints.closed = [\"container.rename\"]", "POST /containers/a/rename?name=b"},
    };
    return all;
}

/// Knobs that refuse what one request does not show: how much the job has, what an archive holds, the size of the bytes, the host.
const std::set<std::string_view> not_of_one_request = {
    "networks.isolation_required", "limits.job.containers", "limits.job.networks",    "limits.job.volumes", "limits.job.execs",
    "limits.job.images",           "limits.job.image_bytes", "limits.job.connections", "limits.job.streams", "limits.body",        "limits.archive",
    "build.remote_files",          "api.version_min"};

TEST(EveryKnobThatRefuses, SaysSoInOneSentenceWithFieldRuleAndWayOut)
{
    for (const Refusal& each : refusals()) {
        const Verdict verdict = judge(each.toml + "\n", each.request, each.body);
        ASSERT_EQ(verdict.outcome, Outcome::refused) << each.knob;
        const Error& error = verdict.error;
        EXPECT_EQ(error.status, 403) << each.knob;
        EXPECT_EQ(error.rule, each.knob);
        EXPECT_FALSE(error.field.empty()) << each.knob;
        EXPECT_FALSE(error.way_out.empty()) << each.knob;
        EXPECT_EQ(error.message, "berth: " + error.field + " is refused by rule \"" + error.rule + "\": " + error.way_out);
        EXPECT_EQ(error.message.find('\n'), std::string::npos) << each.knob;
        EXPECT_FALSE(error.message.ends_with('.')) << error.message;
    }
}

TEST(EveryKnobThatRefuses, IsWalked)
{
    std::set<std::string_view> walked;
    for (const Refusal& each : refusals()) walked.insert(each.knob);
    for (const Knob& knob : knobs())
        if (knob.act == Act::refuse) EXPECT_NE(walked.contains(knob.path), not_of_one_request.contains(knob.path)) << knob.path;
}

TEST(EveryKnobThatRefuses, LetsThroughUnderObservation)
{
    for (const Refusal& each : refusals()) {
        const Knob* knob = find_knob(each.knob);
        if (!knob->open) continue;  // what it refuses endangers the host
        EXPECT_EQ(judge("mode = \"observe\"\n" + each.toml + "\n", each.request, each.body).outcome, Outcome::observed) << each.knob;
    }
}

TEST(EveryClosedOperation, SaysTheSame)
{
    for (const Endpoint& row : endpoints()) {
        if (row.closed.status != 403) continue;
        std::string path(row.path);
        for (std::size_t at = path.find('{'); at != path.npos; at = path.find('{')) path.replace(at, path.find('}') - at + 1, "x");
        const Verdict verdict = judge("", std::string(method_name(row.method)) + " " + path);
        EXPECT_EQ(verdict.error.message, "berth: " + std::string(row.name) + " is refused by rule \"closed\": " + std::string(row.closed.message));
        EXPECT_EQ(verdict.endpoint, &row);
    }
}

TEST(ImageBytes, AreBounded)
{
    const Profile profile = profile_of("limits.job.image_bytes = \"1MiB\"\n");
    EXPECT_TRUE(check_image_bytes(1048575, profile));
    EXPECT_EQ(check_image_bytes(1048576, profile).error().rule, "limits.job.image_bytes");
    EXPECT_TRUE(check_image_bytes(1048576, Profile{}));
}

TEST(Origins, TellWhichProfileSetAKnob)
{
    const auto book = read_rules({{"r.toml",
                                   "[profile.base]\nextends = \"strict\"\nports.max = 3\n"
                                   "[profile.ci]\nextends = \"base\"\nimages.push = true\n"}});
    ASSERT_TRUE(book) << book.error().message;
    EXPECT_EQ(*book->origin("ci", "images.push"), (Origin{"ci", "r.toml:6:15"}));
    EXPECT_EQ(*book->origin("ci", "ports.max"), (Origin{"base", "r.toml:3:13"}));
    ASSERT_TRUE(book->origin("ci", "user.non_root"));
    EXPECT_EQ(book->origin("ci", "user.non_root")->profile, "strict");
    EXPECT_EQ(book->origin("ci", "exec.allowed"), nullptr) << "nobody changed it";
    EXPECT_EQ(book->origin("nobody", "exec.allowed"), nullptr);
}

}  // namespace
}  // namespace rules
