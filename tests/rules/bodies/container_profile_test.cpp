#include <gtest/gtest.h>

#include "rules/bodies/bodies.h"
#include "rules/profile/profile_file.h"
#include "tests/rules/bodies/profile_of.h"
#include "tests/rules/fake_lookup.h"

// What a profile changes of a container.
namespace rules {
namespace {

const std::string key(FakeLookup::test_key);
const std::string gateway = "172.30.1.1";

class Anchored : public FakeLookup {
public:
    const JobPaths& paths() const override { return paths_; }

private:
    JobPaths paths_{{{"/builds", PathMount::Root::host, "/srv/builds", "/srv/builds"},
                     {"/var/run/docker.sock", PathMount::Root::closed}},
                    id_of("cd"),
                    "runner"};
};

Anchored a_job()
{
    Anchored job;
    job.add(Kind::image, "alpine:latest", "sha256:" + FakeLookup::id_of("a1"));
    job.add(Kind::container, "db", FakeLookup::id_of("db"));
    job.add(Kind::network, "bridge", FakeLookup::id_of("ef"));
    return job;
}

Json body_of(const std::string& host, const std::string& more = "")
{
    return admit(parse_json(R"({"Image":"alpine","HostConfig":)" + host + more + "}").value(), container_create_schema)
        .value();
}

/// The rule that refuses a container with this HostConfig (and `more` beside it); empty when none does.
std::string refused_by(const std::string& toml, const std::string& host, const std::string& more = "")
{
    const Anchored job = a_job();
    const Profile profile = profile_of(toml);
    Json body = body_of(host, more);
    const auto judged = judge_container_create(body, job, profile);
    if (!judged) return judged.error().rule.empty() ? judged.error().message : judged.error().rule;
    const auto merged = merge_image_config(body, Json{{"User", "root"}}, profile);
    return merged ? "" : merged.error().rule;
}

/// The HostConfig that the engine gets.
Json sent(const std::string& toml, const std::string& host, const std::string& more = "")
{
    const Anchored job = a_job();
    const Profile profile = profile_of(toml);
    RewriteContext context{"build-17", key, "ci", "/run/berth/jobs/" + key + "/docker.sock", Version{1, 47}};
    context.pins["/builds"] = {"root-volume", "", false};
    context.pins["/builds/src"] = {"root-volume", "src", false};
    Json body = body_of(host, more);
    const auto judged = judge_container_create(body, job, profile);
    EXPECT_TRUE(judged) << judged.error().message;
    const std::string image = resolve_image(body, job).value();
    Json all = rewrite_container_create(body, {"web", image}, job, profile, context, gateway).value();
    Json shown = all["HostConfig"];
    shown["Env"] = all.value("Env", Json());
    return shown;
}

const std::string builds = R"({"Binds":["/builds/src:/src"]})",
                  sock = R"({"Binds":["/var/run/docker.sock:/var/run/docker.sock"]})";
const struct {
    std::string toml, host, rule, more = {};
} of_knobs[] = {
    {"", R"({"CapAdd":["NET_ADMIN"]})", "capabilities.allowed"},
    {"capabilities.allowed = ['NET_ADMIN']", R"({"CapAdd":["cap_net_admin"]})", ""},
    {"capabilities.allowed = ['NET_ADMIN']", R"({"CapAdd":["SYS_ADMIN"]})", "capabilities.allowed"},
    {"", R"({"CapAdd":["ALL"]})", "capabilities"},
    {"capabilities.dropped = ['NET_RAW']", R"({"CapAdd":["NET_RAW"]})", "capabilities.dropped"},
    {"capabilities.dropped = ['ALL']", R"({"CapAdd":["CHOWN"]})", "capabilities.dropped"},
    {"capabilities.dropped = ['ALL']\ncapabilities.allowed = ['CHOWN']", R"({"CapAdd":["CHOWN"]})", ""},
    {"", R"({"SecurityOpt":["apparmor=ci"]})", "security.options"},
    {"security.options = ['apparmor=ci']", R"({"SecurityOpt":["apparmor=ci"]})", ""},
    {"security.options = ['apparmor=ci']", R"({"SecurityOpt":["apparmor:ci"]})", ""},
    {"security.options = ['apparmor=ci']", R"({"SecurityOpt":["apparmor=ci "]})", "security.options"},
    {"security.options = ['apparmor=ci']", R"({"SecurityOpt":["no-new-privileges=false"]})", "security.options"},
    {"", R"({"Devices":[{"PathOnHost":"/dev/kvm"}]})", "devices.allowed"},
    {"devices.allowed = ['/dev/kvm']",
     R"({"Devices":[{"PathOnHost":"/dev/kvm","PathInContainer":"/dev/kvm","CgroupPermissions":"rwm"}]})", ""},
    {"devices.allowed = ['/dev/kvm']", R"({"Devices":[{"PathOnHost":"/dev/../dev/kvm"}]})", "devices.allowed"},
    {"devices.allowed = ['/dev/kvm']", R"({"Devices":[{"PathOnHost":"/dev"}]})", "devices.allowed"},
    {"", R"({"DeviceRequests":[{"Count":-1,"Capabilities":[["gpu"]]}]})", "devices.gpus"},
    {"devices.gpus = true",
     R"({"DeviceRequests":[{"Driver":"","Count":-1,"DeviceIDs":null,"Capabilities":[["gpu"]],"Options":{}}]})", ""},
    {"devices.gpus = true", R"({"DeviceRequests":[{"Driver":"cdi","DeviceIDs":["x.com/c=all"]}]})", "devices.cdi"},
    {"devices.gpus = true", R"({"DeviceRequests":[{"Driver":"other","Count":1}]})", "devices.gpus"},
    {"devices.cdi = ['x.com/c=one']", R"({"DeviceRequests":[{"Driver":"cdi","DeviceIDs":["x.com/c=one"]}]})", ""},
    {"", R"({"Runtime":"runc"})", "runtime.allowed"},
    {"runtime.allowed = ['crun']", R"({"Runtime":"crun"})", ""},
    {"runtime.forced = 'runsc'\nbuild.allowed = false", R"({"Runtime":"runc"})", "runtime.allowed"},
    {"namespaces.shared = []", R"({"PidMode":"container:db"})", "namespaces.shared"},
    {"namespaces.shared = ['pid']", R"({"PidMode":"container:db"})", ""},
    {"namespaces.shared = ['pid']", R"({"IpcMode":"container:db"})", "namespaces.shared"},
    {"namespaces.shared = ['pid']", R"({"NetworkMode":"container:db"})", "namespaces.shared"},
    {"namespaces.shared = ['pid']", R"({"PidMode":"host"})", "host-namespace"},
    {"sysctls.allowed = []", R"({"Sysctls":{"net.ipv4.ip_forward":"1"}})", "sysctls.allowed"},
    {"user.non_root = true", "{}", "user.non_root"},
    {"user.non_root = true", "{}", "", R"(,"User":"1000:1000")"},
    {"user.non_root = true", "{}", "user.non_root", R"(,"User":"0:1000")"},
    {"user.non_root = true", "{}", "user.non_root", R"(,"User":"00")"},
    {"user.non_root = true", "{}", "user.non_root", R"(,"User":"app")"},
    {"env.refused = ['LD_*']", "{}", "env.refused", R"(,"Env":["A=b","LD_PRELOAD=/x"])"},
    {"env.refused = ['LD_*']", "{}", "", R"(,"Env":["A=LD_PRELOAD"])"},
    {"", builds, ""},
    {"binds.allowed = 'none'", builds, "binds.allowed"},
    {"binds.allowed = 'none'", R"({"Mounts":[{"Type":"bind","Source":"/builds","Target":"/b"}]})", "binds.allowed"},
    {"binds.allowed = 'none'", R"({"VolumesFrom":["runner"]})", "binds.allowed"},
    {"binds.allowed = 'none'", sock, ""},
    {"binds.docker_socket = false", sock, "binds.docker_socket"},
    {"binds.docker_socket = false", R"({"Mounts":[{"Type":"bind","Source":"/run/docker.sock","Target":"/s"}]})",
     "binds.docker_socket"},
    {"ports.address = 'none'", R"({"PortBindings":{"80/tcp":[{"HostPort":"8080"}]}})", "ports.address"},
    {"ports.address = 'none'", R"({"PublishAllPorts":true})", "ports.address"},
    {"ports.range = '8000-8999'", R"({"PortBindings":{"80/tcp":[{"HostPort":"8080"}]}})", ""},
    {"ports.range = '8000-8999'", R"({"PortBindings":{"80/tcp":[{"HostPort":""}]}})", ""},
    {"ports.range = '8000-8999'", R"({"PortBindings":{"80/tcp":[{"HostPort":"8999-9000"}]}})", "ports.range"},
    {"ports.max = 1", R"({"PortBindings":{"80/tcp":[{}],"81/tcp":[{}]}})", "ports.max"},
    {"restart.policies = ['no']", R"({"RestartPolicy":{"Name":"always"}})", "restart.policies"},
    {"restart.policies = ['no']", R"({"RestartPolicy":{"Name":"no"}})", ""},
    {"ulimits.allowed = ['nofile']", R"({"Ulimits":[{"Name":"nproc","Soft":1,"Hard":1}]})", "ulimits.allowed"},
    {"ulimits.nofile_max = 10", R"({"Ulimits":[{"Name":"nofile","Soft":11,"Hard":11}]})", "ulimits.nofile_max"},
    {"limits.container.shm_max = '1MiB'", R"({"ShmSize":2097152})", "limits.container.shm_max"},
    {"limits.container.tmpfs_max = '1MiB'", R"({"Tmpfs":{"/t":"size=2m"}})", "limits.container.tmpfs_max"},
    {"logs.drivers = ['local']", R"({"LogConfig":{"Type":"json-file"}})", "logs.drivers"},
};

TEST(ProfileOfAContainer, RefusesByTheKnobThatSaysSo)
{
    for (const auto& each : of_knobs)
        EXPECT_EQ(refused_by(each.toml, each.host, each.more), each.rule)
            << each.toml << "  " << each.host << each.more;
}

TEST(ProfileOfAContainer, NothingOpensAWayToTheHost)
{
    const auto ready = read_rules({});
    ASSERT_TRUE(ready);
    const Anchored job = a_job();
    for (const auto& [name, profile] : ready->profiles)
        for (const std::string host :
             {R"({"PidMode":"host"})", R"({"NetworkMode":"host"})", R"({"Binds":["/etc:/x"]})",
              R"({"CapAdd":["SYS_ADMIN"]})", R"({"SecurityOpt":["seccomp=unconfined"]})",
              R"({"Devices":[{"PathOnHost":"/dev/sda"}]})", R"({"Sysctls":{"kernel.core_pattern":"|/x"}})",
              R"({"Runtime":"io.containerd.x.v1"})", R"({"OomScoreAdj":-5})"}) {
            const auto judged = judge_container_create(body_of(host), job, profile);
            EXPECT_FALSE(judged) << name << " " << host;
        }
    EXPECT_EQ(admit(Json::parse(R"({"HostConfig":{"Privileged":true}})"), container_create_schema).error().rule,
              "privileged")
        << "before any profile";
}

TEST(ProfileOfAContainer, ForcesSecurity)
{
    const std::string toml =
        "capabilities.dropped = ['NET_RAW']\nsecurity.no_new_privileges = true\nfilesystem.read_only = true\n"
        "runtime.forced = 'runsc'\nbuild.allowed = false\nenv.forced = { NVIDIA_VISIBLE_DEVICES = 'void' }";
    Json host = sent(toml, R"({"CapDrop":["CHOWN"],"ReadonlyRootfs":false})",
                     R"(,"Env":["NVIDIA_VISIBLE_DEVICES=all","A=b","NVIDIA_VISIBLE_DEVICES"])");
    EXPECT_EQ(host["CapDrop"], Json::parse(R"(["CHOWN","NET_RAW"])"));
    EXPECT_EQ(host["SecurityOpt"], Json::parse(R"(["no-new-privileges"])"));
    EXPECT_EQ(host["ReadonlyRootfs"], true);
    EXPECT_EQ(host["Runtime"], "runsc");
    EXPECT_EQ(host["Env"], Json::parse(R"(["A=b","NVIDIA_VISIBLE_DEVICES=void"])"));
    host = sent(toml, R"({"SecurityOpt":["no-new-privileges:true"],"Runtime":"runsc"})");
    EXPECT_EQ(host["SecurityOpt"], Json::parse(R"(["no-new-privileges"])"));
    host = sent("", "{}");
    for (const char* untouched :
         {"CapDrop", "SecurityOpt", "ReadonlyRootfs", "Runtime", "Memory", "CpuQuota", "PidsLimit"})
        EXPECT_FALSE(host.contains(untouched)) << untouched;
}

TEST(ProfileOfAContainer, MakesBindsReadOnly)
{
    const Json host = sent("binds.allowed = 'read-only'\nbinds.docker_socket = false",
                           R"({"Binds":["/builds/src:/src:rw"],"VolumesFrom":["runner"]})");
    ASSERT_EQ(host["Mounts"].size(), 2u) << host["Mounts"] << " the door is not among them";
    for (const Json& mount : host["Mounts"]) EXPECT_EQ(mount["ReadOnly"], true);
}

TEST(ProfileOfAContainer, BindsPortsToLoopbackWhereItSaysSo)
{
    const Json host =
        sent("ports.address = 'loopback'", R"({"PortBindings":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}]}})");
    EXPECT_EQ(host["PortBindings"]["80/tcp"][0]["HostIp"], "127.0.0.1");
}

TEST(LimitsOfAContainer, AreCapsAndDefaults)
{
    const std::string toml =
        "limits.container.memory = '1GiB'\nlimits.container.memory_max = '2GiB'\nlimits.container.cpus_max = "
        "1.5\nlimits.container.pids_max = 100";
    const std::int64_t giga = std::int64_t{1} << 30;
    const struct {
        const char* host;
        std::int64_t memory, swap, quota, pids;
    } cases[] = {
        {"{}", giga, 0, 150000, 100},
        {R"({"Memory":0,"NanoCpus":0,"PidsLimit":0,"MemorySwap":0})", giga, 0, 150000, 100},
        {R"({"Memory":-1,"PidsLimit":-1,"CpuQuota":-1,"MemorySwap":-1})", giga, 0, 150000, 100},
        {R"({"Memory":8589934592,"MemorySwap":-1,"NanoCpus":4000000000,"PidsLimit":5000})", 2 * giga, 0, 150000, 100},
        {R"({"Memory":536870912,"MemorySwap":1073741824,"NanoCpus":500000000,"PidsLimit":7})", giga / 2, giga, 50000,
         7},
        {R"({"CpuQuota":200000,"CpuPeriod":1000})", giga, 0, 150000, 100},
        {R"({"CpuQuota":25000,"CpuPeriod":50000})", giga, 0, 50000, 100},
        {R"({"CpuQuota":9223372036854775807,"CpuPeriod":9223372036854775807})", giga, 0, 150000, 100},
        {R"({"NanoCPUs":9000000000})", giga, 0, 150000, 100},
    };
    for (const auto& each : cases) {
        const Json host = sent(toml, each.host);
        EXPECT_EQ(host["Memory"], each.memory) << each.host;
        EXPECT_EQ(host.value("MemorySwap", std::int64_t{0}), each.swap) << each.host;
        EXPECT_EQ(host["CpuQuota"], each.quota) << each.host;
        EXPECT_EQ(host["CpuPeriod"], 100000) << each.host;
        EXPECT_EQ(host["PidsLimit"], each.pids) << each.host;
        EXPECT_FALSE(host.contains("NanoCpus") || host.contains("NanoCPUs")) << each.host;
    }
    EXPECT_EQ(sent(toml, R"({"Memory":8589934592,"MemoryReservation":8589934592})")["MemoryReservation"], 2 * giga);
    EXPECT_EQ(sent("limits.container.cpus = 0.5", R"({"NanoCpus":2000000000})")["NanoCpus"], 2000000000)
        << "a default is no ceiling";
}

TEST(LimitsOfAContainer, HoldForUpdatesOfWhatTheyName)
{
    const Profile profile = profile_of(
        "limits.container.memory_max = '2GiB'\nlimits.container.cpus_max = 1.5\nlimits.container.pids_max = "
        "100\nrestart.policies = ['no']");
    const auto updated = [&](const char* body) {
        return rewrite_container_update(admit(Json::parse(body), container_update_schema).value(), profile);
    };
    const std::int64_t giga = std::int64_t{1} << 30;
    EXPECT_EQ(updated(R"({"CpuShares":5})").value(), Json::parse(R"({"CpuShares":5})"));
    EXPECT_EQ(updated(R"({"CpuPeriod":1000})").value(), Json::object()) << "alone it would raise the share";
    EXPECT_EQ(updated(R"({"NanoCpus":9000000000})").value(), Json::parse(R"({"CpuPeriod":100000,"CpuQuota":150000})"));
    EXPECT_EQ(updated(R"({"PidsLimit":-1})").value(), Json::parse(R"({"PidsLimit":100})"));
    EXPECT_EQ(updated(R"({"Memory":8589934592,"MemorySwap":-1})").value(),
              (Json{{"Memory", 2 * giga}, {"MemorySwap", 4 * giga}}));
    EXPECT_EQ(updated(R"({"MemorySwap":-1})").value(), (Json{{"MemorySwap", 4 * giga}}));
    EXPECT_EQ(updated(R"({"RestartPolicy":{"Name":"always"}})").error().rule, "restart.policies");
    EXPECT_EQ(updated(R"({"Devices":[{"PathOnHost":"/dev/sda"}]})").error().rule, "devices.allowed");
}

}  // namespace
}  // namespace rules
