#include <gtest/gtest.h>

#include <functional>

#include "rules/bodies/bodies.h"
#include "tests/rules/fake_lookup.h"

namespace rules {
namespace {

const std::string key(FakeLookup::test_key);
const std::string image_id = "sha256:" + FakeLookup::id_of("a1");
const std::string db_id = FakeLookup::id_of("db");

std::string real(const std::string& name)
{
    return real_name(key, name);
}

FakeLookup a_job()
{
    FakeLookup job;
    job.add(Kind::image, "alpine:latest", image_id);
    job.add(Kind::image, "postgres:16", "sha256:" + FakeLookup::id_of("b2"));
    job.add(Kind::container, "db", db_id);
    job.add(Kind::network, "back", FakeLookup::id_of("bac"));
    job.add(Kind::network, "proj_back", FakeLookup::id_of("fac"));
    job.add(Kind::volume, "data", "");
    job.add(Kind::volume, "proj_data", "");
    return job;
}

Author an_author()
{
    return {"build-17", key, "default", "/run/berth/jobs/" + key + "/docker.sock", Version{1, 47}};
}

/// The judgement over a body as a client sends it.
Result<ContainerNeeds> judge(const std::string& text, const Profile& profile = {})
{
    const Result<Json> parsed = parse_json(text);
    if (!parsed) return tl::unexpected(parsed.error());
    const Result<Json> body = admit(*parsed, container_create_schema);
    if (!body) return tl::unexpected(body.error());
    return judge_container_create(*body, a_job(), profile);
}

/// What the engine gets for a body as a client sends it; volumes and the default network are made as the judgement
/// asks.
Json sent(const std::string& text, const Profile& profile = {}, const Author& author = an_author())
{
    FakeLookup job = a_job();
    Json body = admit(parse_json(text).value(), container_create_schema).value();
    const ContainerNeeds needs = judge_container_create(body, job, profile).value();
    for (const std::string& name : needs.volumes) job.add(Kind::volume, name, "");
    if (needs.default_network) job.add(Kind::network, "bridge", FakeLookup::id_of("ef"));
    const std::string image = resolve_image(body, job).value();
    return rewrite_container_create(body, {"web", image}, job, profile, author, needs.default_network ? "172.30.1.1" : "")
        .value();
}

/// `host` as the HostConfig of a body that is otherwise plain.
std::string with_host(const std::string& host)
{
    return R"({"Image":"alpine","HostConfig":)" + host + "}";
}

std::string with_endpoints(const std::string& endpoints)
{
    return R"({"Image":"alpine","NetworkingConfig":{"EndpointsConfig":)" + endpoints + "}}";
}

struct Case {
    std::string name;
    std::string body;
    int status;
    std::string rule = {};   // of a 403
    std::string field = {};  // of a 403; of a 400 or 404: part of the message
};

void expect_refusals(const std::vector<Case>& cases)
{
    for (const Case& each : cases) {
        const auto judged = judge(each.body);
        ASSERT_EQ(judged ? 0 : judged.error().status, each.status) << each.name;
        if (each.status == 0) continue;
        const Error& error = judged.error();
        EXPECT_EQ(error.rule, each.rule) << each.name;
        if (each.status == 403) {
            EXPECT_EQ(error.field, each.field) << each.name;
            EXPECT_EQ(error.message.find("berth: " + each.field + " is refused by rule \"" + each.rule + "\": "), 0u)
                << error.message;
            EXPECT_FALSE(error.value.empty()) << each.name;
        } else {
            EXPECT_NE(error.message.find(each.field), std::string::npos) << each.name << ": " << error.message;
        }
        EXPECT_EQ(error.message.find(key), std::string::npos) << "a message shows no real name";
    }
}

TEST(ContainerCreate, RefusesPrivilege)
{
    expect_refusals({
        {"P-01", with_host(R"({"Privileged":true})"), 403, "privileged", "HostConfig.Privileged"},
        {"P-02", with_host(R"({"CapAdd":["SYS_ADMIN"]})"), 403, "capabilities.allowed", "HostConfig.CapAdd"},
        {"P-02 lower", with_host(R"({"CapAdd":["cap_sys_admin"]})"), 403, "capabilities.allowed", "HostConfig.CapAdd"},
        {"P-02 all", with_host(R"({"CapAdd":["ALL"]})"), 403, "capabilities", "HostConfig.CapAdd"},
        {"P-02 all lower", with_host(R"({"CapAdd":["all"]})"), 403, "capabilities", "HostConfig.CapAdd"},
        {"P-02 CAP_ALL", with_host(R"({"CapAdd":["CHOWN","CAP_ALL"]})"), 403, "capabilities", "HostConfig.CapAdd"},
        {"P-02 folding", with_host(R"({"CapAdd":["\u017fYS_ADMIN"]})"), 403, "capabilities.allowed", "HostConfig.CapAdd"},
        {"P-02 of Docker's own", with_host(R"({"CapAdd":["chown","CAP_NET_RAW","Cap_Setuid"]})"), 0},
        {"P-03", with_host(R"({"SecurityOpt":["apparmor=unconfined"]})"), 403, "security.options",
         "HostConfig.SecurityOpt"},
        {"P-03 seccomp", with_host(R"({"SecurityOpt":["seccomp=unconfined"]})"), 403, "security.options",
         "HostConfig.SecurityOpt"},
        {"P-03 label", with_host(R"({"SecurityOpt":["label=disable"]})"), 403, "security.options",
         "HostConfig.SecurityOpt"},
        {"P-04 colon", with_host(R"({"SecurityOpt":["seccomp:unconfined"]})"), 403, "security.options",
         "HostConfig.SecurityOpt"},
        {"P-04 bare word", with_host(R"({"SecurityOpt":["disable"]})"), 403, "security.options", "HostConfig.SecurityOpt"},
        {"P-04 cgroups", with_host(R"({"SecurityOpt":["writable-cgroups"]})"), 403, "security.options",
         "HostConfig.SecurityOpt"},
        {"P-04 behind a good one", with_host(R"({"SecurityOpt":["no-new-privileges","label:disable"]})"), 403,
         "security.options", "HostConfig.SecurityOpt"},
        {"P-05", with_host(R"({"SecurityOpt":["seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"]})"), 403,
         "security.options", "HostConfig.SecurityOpt"},
        {"P-15", with_host(R"({"SecurityOpt":["no-new-privileges=false"]})"), 403, "security.options",
         "HostConfig.SecurityOpt"},
        {"P-15 good",
         with_host(R"({"SecurityOpt":["no-new-privileges","no-new-privileges:true","no-new-privileges=true"]})"), 0},
        {"P-06 masked", with_host(R"({"MaskedPaths":[]})"), 403, "masked-paths", "HostConfig.MaskedPaths"},
        {"P-06 readonly", with_host(R"({"ReadonlyPaths":[]})"), 403, "masked-paths", "HostConfig.ReadonlyPaths"},
        {"P-06 null", with_host(R"({"MaskedPaths":null,"ReadonlyPaths":null})"), 0},
        {"P-07", with_host(R"({"Sysctls":{"kernel.core_pattern":"|/x"}})"), 403, "sysctls.allowed",
         "HostConfig.Sysctls.kernel.core_pattern"},
        {"P-07 slashes", with_host(R"({"Sysctls":{"net.ipv4/../../kernel/core_pattern":"|/x"}})"), 403, "sysctls.allowed",
         "HostConfig.Sysctls.net.ipv4/../../kernel/core_pattern"},
        {"P-07 prefix alone", with_host(R"({"Sysctls":{"net.":"1"}})"), 403, "sysctls.allowed", "HostConfig.Sysctls.net."},
        {"P-07 foreign network", with_host(R"({"NetworkMode":"container:db","Sysctls":{"net.core.somaxconn":"1"}})"),
         403, "sysctls", "HostConfig.Sysctls.net.core.somaxconn"},
        {"P-07 good", with_host(R"({"Sysctls":{"net.ipv4.ip_forward":"1","kernel.sem":"1","fs.mqueue.msg_max":"9"}})"),
         0},
        {"P-07 by the endpoint",
         with_endpoints(R"({"back":{"DriverOpts":{"com.docker.network.endpoint.sysctls":"x"}}})"), 403,
         "endpoint-options", "NetworkingConfig.EndpointsConfig.back.DriverOpts.com.docker.network.endpoint.sysctls"},
        {"P-08", with_host(R"({"Runtime":"runc"})"), 403, "runtime.allowed", "HostConfig.Runtime"},
        {"P-13", with_host(R"({"Capabilities":["SYS_ADMIN"]})"), 403, "capabilities", "HostConfig.Capabilities"},
        {"P-14 core", with_host(R"({"Ulimits":[{"Name":"core","Soft":-1,"Hard":-1}]})"), 403, "ulimits",
         "HostConfig.Ulimits[0]"},
        {"P-14 core above 0", with_host(R"({"Ulimits":[{"Name":"core","Hard":1}]})"), 403, "ulimits",
         "HostConfig.Ulimits[0]"},
        {"P-14 other case", with_host(R"({"Ulimits":[{"Name":"CORE","Hard":1}]})"), 400, "",
         "invalid ulimit type: CORE"},
        {"P-14 folding", with_host(R"({"Ulimits":[{"Name":"n\u0131ce","Hard":1}]})"), 400, "", "invalid ulimit type"},
        {"P-14 rtprio",
         with_host(R"({"Ulimits":[{"Name":"nproc","Soft":1,"Hard":1},{"Name":"rtprio","Soft":99,"Hard":99}]})"), 403,
         "ulimits", "HostConfig.Ulimits[1]"},
        {"P-14 memlock", with_host(R"({"Ulimits":[{"Name":"memlock","Soft":-1,"Hard":-1}]})"), 403, "ulimits",
         "HostConfig.Ulimits[0]"},
        {"P-14 nofile", with_host(R"({"Ulimits":[{"Name":"nofile","Soft":1024,"Hard":2000000}]})"), 403, "ulimits.nofile_max",
         "HostConfig.Ulimits[0]"},
        {"P-14 good",
         with_host(R"({"Ulimits":[{"Name":"nofile","Soft":1024,"Hard":65536},{"Name":"core","Soft":0,"Hard":0}]})"), 0},
    });
}

TEST(ContainerCreate, RefusesMountsOfTheHost)
{
    const std::string tmpfs_opts = R"({"Type":"volume","Source":"data","Target":"/x","VolumeOptions":{"DriverConfig":)";
    const auto mount = [](const std::string& text) { return with_host(R"({"Mounts":[)" + text + "]}"); };
    const std::string options = "HostConfig.Mounts[0].VolumeOptions.DriverConfig.Options";
    expect_refusals({
        {"M-01", with_host(R"({"Binds":["/:/host"]})"), 403, "binds", "HostConfig.Binds"},
        {"M-01 mount", mount(R"({"Type":"bind","Source":"/","Target":"/host"})"), 403, "binds",
         "HostConfig.Mounts[0].Source"},
        {"M-02", with_host(R"({"Binds":["/builds/job1/../../etc:/x"]})"), 403, "binds", "HostConfig.Binds"},
        {"M-05 parent", with_host(R"({"Binds":["/var/run:/x"]})"), 403, "binds", "HostConfig.Binds"},
        {"M-05 slashes", with_host(R"({"Binds":["//var//run/docker.sock:/x"]})"), 403, "binds", "HostConfig.Binds"},
        {"M-05 dots", with_host(R"({"Binds":["/var/run/../run/docker.sock:/x"]})"), 403, "binds", "HostConfig.Binds"},
        {"M-05 containerd", with_host(R"({"Binds":["/run/containerd/containerd.sock:/x"]})"), 403, "binds",
         "HostConfig.Binds"},
        {"M-05 own socket", with_host(R"({"Binds":["/var/run/docker.sock:/x","/run/docker.sock:/y:ro"]})"), 0},
        {"M-06", with_host(R"({"Binds":["/run/berth:/x:ro"]})"), 403, "binds", "HostConfig.Binds"},
        {"M-10", with_host(R"({"Binds":["/var/run/docker.sock:/x:rshared"]})"), 403, "propagation", "HostConfig.Binds"},
        {"M-10 mount",
         mount(R"({"Type":"bind","Source":"/run/docker.sock","Target":"/x","BindOptions":{"Propagation":"rshared"}})"),
         403, "propagation", "HostConfig.Mounts[0].BindOptions.Propagation"},
        {"M-12", with_host(R"({"Binds":["/etc:/x:Z"]})"), 403, "binds", "HostConfig.Binds"},
        {"M-17", mount(tmpfs_opts + R"({"Name":"local","Options":{"type":"none","o":"bind","device":"/"}}}})"), 403,
         "volume-options", options + ".type"},
        {"M-17 device", mount(tmpfs_opts + R"({"Options":{"type":"tmpfs","device":"/dev/sda"}}}})"), 403,
         "volume-options", options + ".device"},
        {"M-17 mount options", mount(tmpfs_opts + R"({"Options":{"type":"tmpfs","device":"tmpfs","o":"bind"}}}})"), 403,
         "tmpfs", options + ".o"},
        {"M-17 good", mount(tmpfs_opts + R"({"Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m,uid=5"}}}})"), 0},
        {"M-17 of a new volume",
         mount(R"({"Type":"volume","Source":"new","Target":"/x",)"
               R"("VolumeOptions":{"DriverConfig":{"Options":{"type":"tmpfs","device":"tmpfs"}}}})"),
         403, "volume-driver", options},
        {"M-18", mount(tmpfs_opts + R"({"Name":"vieux/sshfs"}}})"), 403, "volume-driver",
         "HostConfig.Mounts[0].VolumeOptions.DriverConfig.Name"},
        {"M-18 driver", with_host(R"({"VolumeDriver":"x"})"), 403, "volume-driver", "HostConfig.VolumeDriver"},
        {"M-18 local", with_host(R"({"VolumeDriver":"local"})"), 0},
        {"M-21", with_host(R"({"VolumesFrom":["victim:rw"]})"), 404, "", "No such container: victim"},
        {"M-21 mode", with_host(R"({"VolumesFrom":["db:z"]})"), 400, "", "invalid mode: z"},
        {"M-22", mount(R"({"Type":"image","Source":"alpine","Target":"/x"})"), 403, "image-mounts",
         "HostConfig.Mounts[0].Type"},
        {"M-24 size", with_host(R"({"Tmpfs":{"/x":"size=500g,exec"}})"), 403, "limits.container.tmpfs_max", "HostConfig.Tmpfs"},
        {"M-24 percent", with_host(R"({"Tmpfs":{"/x":"size=90%"}})"), 403, "limits.container.tmpfs_max", "HostConfig.Tmpfs"},
        {"M-24 wrapping size", with_host(R"({"Tmpfs":{"/x":"size=18446744073709551617"}})"), 403, "limits.container.tmpfs_max",
         "HostConfig.Tmpfs"},
        {"M-24 blocks", with_host(R"({"Tmpfs":{"/x":"nr_blocks=99999999"}})"), 403, "tmpfs", "HostConfig.Tmpfs"},
        {"M-24 propagation", with_host(R"({"Tmpfs":{"/x":"rshared"}})"), 403, "tmpfs", "HostConfig.Tmpfs"},
        {"M-24 mount", mount(R"({"Type":"tmpfs","Target":"/x","TmpfsOptions":{"SizeBytes":99999999999}})"), 403,
         "limits.container.tmpfs_max", "HostConfig.Mounts[0].TmpfsOptions.SizeBytes"},
        {"M-24 options", mount(R"({"Type":"tmpfs","Target":"/x","TmpfsOptions":{"Options":[["exec"],["dev"]]}})"), 403,
         "tmpfs", "HostConfig.Mounts[0].TmpfsOptions.Options"},
        {"M-24 odd options", mount(R"({"Type":"tmpfs","Target":"/x","TmpfsOptions":{"Options":"exec"}})"), 403, "tmpfs",
         "HostConfig.Mounts[0].TmpfsOptions.Options"},
        {"M-24 source", mount(R"({"Type":"tmpfs","Source":"/","Target":"/x"})"), 400, "",
         "Source must not be specified"},
        {"M-24 shm", with_host(R"({"ShmSize":99999999999})"), 403, "limits.container.shm_max", "HostConfig.ShmSize"},
        {"M-27 npipe", mount(R"({"Type":"npipe","Source":"x","Target":"/x"})"), 403, "mount-type",
         "HostConfig.Mounts[0].Type"},
        {"M-27 cluster", mount(R"({"Type":"cluster","Source":"x","Target":"/x"})"), 403, "mount-type",
         "HostConfig.Mounts[0].Type"},
        {"M-27 cluster options", mount(R"({"Type":"volume","Target":"/x","ClusterOptions":{"a":1}})"), 403,
         "mount-type", "HostConfig.Mounts[0].ClusterOptions"},
        {"M-28", with_host(R"({"Binds":["\\\\etc:/x"]})"), 400, "", "includes invalid characters"},
        {"M-28 mount", mount(R"({"Type":"volume","Source":"\\\\etc","Target":"/x"})"), 400, "",
         "includes invalid characters"},
        {"a mount without a type", mount(R"({"Source":"/etc","Target":"/x"})"), 400, "", "mount type unknown"},
        {"a mount in capitals", mount(R"({"Type":"Bind","Source":"/etc","Target":"/x"})"), 400, "",
         "mount type unknown"},
        {"too many colons", with_host(R"({"Binds":["a:b:c:d"]})"), 400, "", "invalid volume specification"},
        {"no source", with_host(R"({"Binds":[":/x"]})"), 400, "", "invalid volume specification"},
        {"a relative target", with_host(R"({"Binds":["data:x"]})"), 400, "", "must be absolute"},
        {"an unknown mode", with_host(R"({"Binds":["data:/x:rx"]})"), 400, "", "invalid mode: rx"},
        {"a relative path", with_host(R"({"Binds":["./src:/x"]})"), 400, "", "use absolute path"},
    });
}

TEST(ContainerCreate, RefusesNamespacesOfOthers)
{
    const std::string conflict = "cannot attach both user-defined and non-user-defined";
    expect_refusals({
        {"N-01", with_host(R"({"NetworkMode":"host"})"), 403, "host-namespace", "HostConfig.NetworkMode"},
        {"N-01 endpoint", with_endpoints(R"({"host":{}})"), 403, "host-namespace", "HostConfig.NetworkMode"},
        {"N-01 endpoint besides",
         R"({"Image":"alpine","HostConfig":{"NetworkMode":"none"},)"
         R"("NetworkingConfig":{"EndpointsConfig":{"host":{}}}})",
         403, "host-namespace", "NetworkingConfig.EndpointsConfig.host"},
        {"N-02", with_host(R"({"NetworkMode":"container:victim"})"), 404, "", "No such container: victim"},
        {"N-03", with_host(R"({"PidMode":"host"})"), 403, "host-namespace", "HostConfig.PidMode"},
        {"N-03 container", with_host(R"({"PidMode":"container:victim"})"), 404, "", "No such container: victim"},
        {"N-04", with_host(R"({"IpcMode":"host"})"), 403, "host-namespace", "HostConfig.IpcMode"},
        {"N-04 container", with_host(R"({"IpcMode":"container:victim"})"), 404, "", "No such container: victim"},
        {"N-05 uts", with_host(R"({"UTSMode":"host"})"), 403, "host-namespace", "HostConfig.UTSMode"},
        {"N-05 uts container", with_host(R"({"UTSMode":"container:db"})"), 400, "", "invalid UTSMode"},
        {"N-05 cgroup namespace", with_host(R"({"CgroupnsMode":"host"})"), 403, "host-namespace",
         "HostConfig.CgroupnsMode"},
        {"N-05 cgroup", with_host(R"({"Cgroup":"container:db"})"), 403, "host-namespace", "HostConfig.Cgroup"},
        {"N-05 unknown", with_host(R"({"PidMode":"Host"})"), 400, "", "invalid PidMode: Host"},
        {"N-06", with_host(R"({"NetworkMode":"victim-net"})"), 404, "", "network victim-net not found"},
        {"N-06 endpoint", with_endpoints(R"({"back":{},"victim-net":{}})"), 404, "", "network victim-net not found"},
        {"N-08", with_host(R"({"Links":["victim:db"]})"), 404, "", "No such container: victim"},
        {"N-08 endpoint", with_endpoints(R"({"back":{"Links":["victim:db"]}})"), 404, "", "No such container: victim"},
        {"N-08 shared", with_host(R"({"NetworkMode":"container:db","Links":["db:d"]})"), 400, "",
         "can't be used with links"},
        {"W-09 shared", with_host(R"({"NetworkMode":"container:db","PortBindings":{"80/tcp":[]}})"), 400, "",
         "port publishing and the container type network mode"},
        {"a bad link", with_host(R"({"Links":["a:b:c"]})"), 400, "", "bad format for links"},
        {"none and another",
         R"({"Image":"alpine","HostConfig":{"NetworkMode":"none"},)"
         R"("NetworkingConfig":{"EndpointsConfig":{"back":{}}}})",
         400, "", conflict},
        {"another and none", with_endpoints(R"({"back":{},"none":{}})"), 400, "", conflict},
        {"twice", with_endpoints(R"({"back":{},")" + FakeLookup::id_of("bac") + R"(":{}})"), 400, "", "given twice"},
        {"twice by default", with_endpoints(R"({"bridge":{},"default":{}})"), 400, "", "given twice"},
        {"link-local", with_endpoints(R"({"back":{"IPAMConfig":{"LinkLocalIPs":["169.254.169.254"]}}})"), 403,
         "link-local", "NetworkingConfig.EndpointsConfig.back.IPAMConfig.LinkLocalIPs"},
        {"own", with_host(R"({"NetworkMode":"container:db","PidMode":"container:db","IpcMode":"container:db"})"), 0},
        {"own modes", with_host(R"({"IpcMode":"shareable","CgroupnsMode":"private","UsernsMode":"host"})"), 0},
    });
}

TEST(ContainerCreate, RefusesDevicesAndFloods)
{
    expect_refusals({
        {"R-01", with_host(R"({"Devices":[{"PathOnHost":"/dev/sda"}]})"), 403, "devices.allowed", "HostConfig.Devices[0].PathOnHost"},
        {"R-02", with_host(R"({"DeviceCgroupRules":["b 8:* rwm"]})"), 403, "devices", "HostConfig.DeviceCgroupRules"},
        {"R-03", with_host(R"({"DeviceRequests":[{"Count":-1}]})"), 403, "devices.gpus", "HostConfig.DeviceRequests[0]"},
        {"R-06 score", with_host(R"({"OomScoreAdj":-1})"), 403, "oom", "HostConfig.OomScoreAdj"},
        {"R-06 disable", with_host(R"({"OomKillDisable":true})"), 403, "oom", "HostConfig.OomKillDisable"},
        {"R-07 realtime", with_host(R"({"CpuRealtimeRuntime":1})"), 403, "realtime", "HostConfig.CpuRealtimeRuntime"},
        {"R-07 period", with_host(R"({"CpuRealtimePeriod":1})"), 403, "realtime", "HostConfig.CpuRealtimePeriod"},
        {"R-07 weight", with_host(R"({"BlkioWeightDevice":[{"Path":"/dev/sda"}]})"), 403, "block-io",
         "HostConfig.BlkioWeightDevice"},
        {"R-07 rate", with_host(R"({"BlkioDeviceReadBps":[{"Path":"/x"}]})"), 403, "block-io",
         "HostConfig.BlkioDeviceReadBps"},
        {"R-10 syslog", with_host(R"({"LogConfig":{"Type":"syslog","Config":{}}})"), 403, "logs.drivers",
         "HostConfig.LogConfig.Type"},
        {"R-10 option", with_host(R"({"LogConfig":{"Type":"","Config":{"syslog-address":"unix:///x"}}})"), 403,
         "log-options", "HostConfig.LogConfig.Config.syslog-address"},
        {"R-08 bad size", with_host(R"({"LogConfig":{"Config":{"max-size":"big"}}})"), 400, "", "max-size: big"},
        {"R-08 bad count", with_host(R"({"LogConfig":{"Config":{"max-file":"2x"}}})"), 400, "", "max-file: 2x"},
        {"R-13 ranges", R"({"Image":"alpine","ExposedPorts":{"1-65535/tcp":{}},"HostConfig":{"PublishAllPorts":true}})",
         403, "ports.max", "HostConfig.PublishAllPorts"},
        {"R-13 unpublished", R"({"Image":"alpine","ExposedPorts":{"1-65535/tcp":{}}})", 0},
        {"R-16", with_host(R"({"StorageOpt":{"size":"10000g"}})"), 403, "storage-opt", "HostConfig.StorageOpt"},
        {"isolation", with_host(R"({"Isolation":"hyperv"})"), 403, "isolation", "HostConfig.Isolation"},
        {"a bad port", with_host(R"({"PortBindings":{"http/tcp":[]}})"), 400, "", "invalid port specification"},
        {"port 0", with_host(R"({"PortBindings":{"0/tcp":[]}})"), 400, "", "invalid port specification"},
        {"port 65536", with_host(R"({"PortBindings":{"65536/tcp":[]}})"), 400, "", "invalid port specification"},
        {"a bad protocol", with_host(R"({"PortBindings":{"80/icmp":[]}})"), 400, "", "invalid port specification"},
        {"a container's range", with_host(R"({"PortBindings":{"80-81/tcp":[]}})"), 400, "",
         "invalid port specification"},
        {"a bad host port", with_host(R"({"PortBindings":{"80/tcp":[{"HostPort":"80;"}]}})"), 400, "", "invalid port"},
        {"an unknown image", R"({"Image":"corp/secret:1"})", 404, "", "No such image: corp/secret:1"},
    });
    std::string flood = R"({"PortBindings":{"80/tcp":[)";
    for (int binding = 0; binding < 101; ++binding) flood += binding == 0 ? "{}" : ",{}";
    expect_refusals({{"R-13", with_host(flood + "]}}"), 403, "ports.max", "HostConfig.PortBindings"}});
}

TEST(ContainerCreate, RefusesBodiesThatGoReadsDifferently)
{
    expect_refusals({
        {"J-01", R"({"hostconfig":{"privileged":true}})", 400, "", "is spelled \"HostConfig\""},
        {"J-02", R"({"Ho\u017ftConfig":{"Privileged":true}})", 400, "", "not ASCII"},
        {"J-02 Binds", with_host(R"({"Bind\u017f":["/:/x"]})"), 400, "", "not ASCII"},
        {"J-02 NetworkMode", with_host(R"({"Networ\u212aMode":"host"})"), 400, "", "not ASCII"},
        {"J-03", R"({"Image":"alpine","Labels":{"owner":"A"},"labels":{"owner":"B"}})", 400, "", "twice"},
        {"J-04", R"({"HostConfig":{"NetworkMode":"none"},"HostConfig":{"Privileged":true}})", 400, "", "twice"},
        {"J-05", R"({"HostConfig":{},"hostconfig":null})", 400, "", "twice"},
        {"J-06",
         with_host(R"({"Mounts":[{"Type":"volume","Source":"/etc","Target":"/x"}],"mounts":[{"Type":"bind"}]})"), 400,
         "", "twice"},
        {"J-06 inside", with_host(R"({"Mounts":[{"Type":"volume","type":"bind","Source":"/etc","Target":"/x"}]})"), 400,
         "", "twice"},
        {"J-09", with_host(R"({"Privileged":true,"Privileged":null})"), 400, "", "twice"},
        {"J-10", with_endpoints(R"({"n":{"NetworkID":"V"},"n":{}})"), 400, "", "twice"},
        {"J-11", R"({"Image":"alpine"}{})", 400, "", "invalid JSON"},
        {"J-12", R"({"Image":"alpine"}})", 400, "", "invalid JSON"},
        {"J-13", with_host(R"({"Privileged":"yes"})"), 400, "", "HostConfig.Privileged must be true or false"},
        {"J-14", with_host(R"({"Memory":1e3})"), 400, "", "HostConfig.Memory must be an integer"},
        {"J-15", "{\"Image\":\"alpine\xff\"}", 400, "", "invalid JSON"},
        {"J-16", R"({"Image\u0000":"x"})", 400, "", "NUL"},
        {"J-17", "\xef\xbb\xbf{}", 400, "", "byte-order mark"},
        {"J-18", with_host(R"({"Mounts":)" + std::string(100, '[') + std::string(100, ']') + "}"), 400, "",
         "nested deeper"},
        {"J-19", R"({"Image":"alpine","Config":{"Image":"y"}})", 403, "unknown-field", "Config"},
        {"J-19 resources", with_host(R"({"Resources":{"Memory":1}})"), 403, "unknown-field", "HostConfig.Resources"},
        {"J-20", "null", 400, "", "the body must be an object"},
        {"J-20 list", "[]", 400, "", "the body must be an object"},
        {"J-21", R"({"Image":"alpine","\u0048ostConfig":{"Pri\u0076ileged":true}})", 403, "privileged",
         "HostConfig.Privileged"},
        {"J-22", with_host(R"({"Memory":9223372036854775808})"), 400, "", "HostConfig.Memory must be an integer"},
        {"P-01 of old bodies, where HostConfig's fields stood at the top", R"({"Image":"alpine","Privileged":true})",
         403, "misplaced", "Privileged"},
        {"M-01 of old bodies", R"({"Image":"alpine","Binds":["/:/x"]})", 403, "misplaced", "Binds"},
    });
}

TEST(ContainerCreate, AsksForWhatMustExistFirst)
{
    const auto plain = judge(R"({"Image":"alpine"})").value();
    EXPECT_TRUE(plain.default_network);
    EXPECT_TRUE(plain.volumes.empty());

    EXPECT_TRUE(judge(with_host(R"({"NetworkMode":"default"})")).value().default_network);
    EXPECT_TRUE(judge(with_host(R"({"NetworkMode":"bridge"})")).value().default_network);
    EXPECT_TRUE(judge(with_endpoints(R"({"back":{},"bridge":{}})")).value().default_network);
    EXPECT_FALSE(judge(with_endpoints(R"({"back":{}})")).value().default_network);
    EXPECT_FALSE(judge(with_host(R"({"NetworkMode":"none","PublishAllPorts":true})")).value().default_network);
    EXPECT_FALSE(judge(with_host(R"({"NetworkMode":"back"})")).value().default_network);
    EXPECT_TRUE(judge(with_host(R"({"NetworkMode":"back","PortBindings":{"80/tcp":[]}})")).value().default_network)
        << "published ports live on the default network's address";

    const auto mounted = judge(with_host(R"({"Binds":["data:/a","new:/b","new:/c","/d"],
        "Mounts":[{"Type":"volume","Source":"other","Target":"/e"},{"Type":"volume","Target":"/f"}]})"))
                             .value();
    EXPECT_EQ(mounted.volumes, (std::vector<std::string>{"new", "other"}));
}

TEST(ContainerCreate, WritesRealNamesAndFullIds)
{
    const Json host = sent(with_host(R"({
        "Binds": ["data:/a", "new:/b:ro,z,cached", "/c", "/var/run/docker.sock:/var/run/docker.sock:rw,Z", "/run/docker.sock:/d"],
        "Mounts": [{"Type":"bind","Source":"/run/docker.sock","Target":"/s","ReadOnly":true,"Consistency":"cached",
                    "BindOptions":{"Propagation":"rprivate","CreateMountpoint":true},"VolumeOptions":{"NoCopy":true}},
                   {"Type":"tmpfs","Target":"/t","TmpfsOptions":{"Mode":511,"Options":[["noexec"]]}}],
        "VolumesFrom": ["db", "db:ro"], "PidMode": "container:db", "IpcMode": "container:)" +
                                     db_id.substr(0, 12) + R"(", "NetworkMode": "container:/db"})"))["HostConfig"];
    const std::string door = an_author().door;
    EXPECT_EQ(host["Binds"],
              Json({real("data") + ":/a", real("new") + ":/b:ro", door + ":/var/run/docker.sock:rw", door + ":/d"}));
    EXPECT_EQ(host["Mounts"][0], (Json{{"Type", "bind"}, {"Source", door}, {"Target", "/s"}, {"ReadOnly", true}}));
    EXPECT_EQ(host["Mounts"][1], Json::parse(R"({"Type":"tmpfs","Target":"/t",
                              "TmpfsOptions":{"Mode":511,"Options":[["noexec"]],"SizeBytes":2147483648}})"));
    EXPECT_EQ(host["VolumesFrom"], Json({db_id, db_id + ":ro"}));
    EXPECT_EQ(host["PidMode"], "container:" + db_id);
    EXPECT_EQ(host["IpcMode"], "container:" + db_id);
    EXPECT_EQ(host["NetworkMode"], "container:" + db_id);
    EXPECT_EQ(sent(with_host(R"({"Binds":["/c"]})"))["Volumes"], Json::parse(R"({"/c":{}})"));
}

TEST(ContainerCreate, LabelsTheVolumesOfMounts)
{
    const Json mounts = sent(with_host(R"({"Mounts":[
        {"Type":"volume","Target":"/a","VolumeOptions":{"Labels":{"x":"y","berth.job":"other"}}},
        {"Type":"volume","Source":"data","Target":"/b","VolumeOptions":{"NoCopy":true,"Subpath":"sub",
         "DriverConfig":{"Name":"local","Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}}}}]})"))["HostConfig"]
                                                                                                          ["Mounts"];
    Json labels = own_labels(an_author());
    EXPECT_EQ(mounts[1]["VolumeOptions"]["Labels"], labels);
    labels["x"] = "y";
    EXPECT_EQ(mounts[0]["VolumeOptions"]["Labels"], labels);
    EXPECT_FALSE(mounts[0].contains("Source"));
    EXPECT_EQ(mounts[1]["Source"], real("data"));
    EXPECT_EQ(mounts[1]["VolumeOptions"]["Subpath"], "sub");
    EXPECT_EQ(mounts[1]["VolumeOptions"]["DriverConfig"],
              Json::parse(R"({"Name":"local","Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}})"));
}

TEST(ContainerCreate, PutsTheContainerOnTheJobsNetworks)
{
    const Json plain = sent(R"({"Image":"alpine"})");
    EXPECT_EQ(plain["HostConfig"]["NetworkMode"], real("bridge"));
    EXPECT_EQ(plain["NetworkingConfig"], (Json{{"EndpointsConfig", {{real("bridge"), {{"Aliases", {"web"}}}}}}}));

    const Json by_endpoint =
        sent(with_endpoints(R"({"back":{"NetworkID":"victim","EndpointID":"x","IPAddress":"1.2.3.4",
        "Aliases":["a","web","a"],"Links":["db:d","db"],"MacAddress":"02:42:ac:11:00:02","GwPriority":1,
        "IPAMConfig":{"IPv4Address":"172.30.1.9"},"DriverOpts":{"com.docker.network.endpoint.ifname":"eth7"}}})"));
    EXPECT_EQ(by_endpoint["HostConfig"]["NetworkMode"], real("back"));
    EXPECT_EQ(
        by_endpoint["NetworkingConfig"]["EndpointsConfig"],
        (Json{{real("back"), Json::parse(R"({"Aliases":["a","web"],"Links":[")" + real("db") + R"(:d",")" + real("db") +
                                         R"(:db"],"MacAddress":"02:42:ac:11:00:02","GwPriority":1,
        "IPAMConfig":{"IPv4Address":"172.30.1.9"},"DriverOpts":{"com.docker.network.endpoint.ifname":"eth7"}})")}}));

    const Json two = sent(R"({"Image":"alpine","HostConfig":{"NetworkMode":"back"},
        "NetworkingConfig":{"EndpointsConfig":{"default":{"Aliases":["x"]}}}})");
    EXPECT_EQ(two["HostConfig"]["NetworkMode"], real("back"));
    EXPECT_EQ(two["NetworkingConfig"]["EndpointsConfig"][real("back")], (Json{{"Aliases", {"web"}}}));
    EXPECT_EQ(two["NetworkingConfig"]["EndpointsConfig"][real("bridge")], (Json{{"Aliases", {"x", "web"}}}));

    const Json none = sent(R"({"Image":"alpine","HostConfig":{"NetworkMode":"none","Links":["db:d"]},
        "NetworkingConfig":{"EndpointsConfig":{"none":{"MacAddress":""}}}})");
    EXPECT_EQ(none["HostConfig"]["NetworkMode"], "none");
    EXPECT_FALSE(none.contains("NetworkingConfig"));
    EXPECT_FALSE(none["HostConfig"].contains("Links"));
}

TEST(ContainerCreate, MovesWhatOlderClientsSayOfTheNetworkIntoTheEndpoint)
{
    const std::string body = R"({"Image":"alpine","MacAddress":"02:42:ac:11:00:02",
        "HostConfig":{"NetworkMode":"back","Links":["/db:/web/d","db"]}})";
    const Json now = sent(body);
    const Json endpoint = now["NetworkingConfig"]["EndpointsConfig"][real("back")];
    EXPECT_EQ(endpoint["Links"], Json({real("db") + ":d", real("db") + ":db"}));
    EXPECT_EQ(endpoint["MacAddress"], "02:42:ac:11:00:02");
    EXPECT_FALSE(now.contains("MacAddress"));
    EXPECT_FALSE(now["HostConfig"].contains("Links"));

    Author older = an_author();
    older.version = {1, 43};
    const Json then = sent(body, {}, older);
    EXPECT_EQ(then["MacAddress"], "02:42:ac:11:00:02");
    EXPECT_FALSE(then["NetworkingConfig"]["EndpointsConfig"][real("back")].contains("MacAddress"));
}

TEST(ContainerCreate, BindsPublishedPortsToTheJobsAddressAlone)
{
    const Json body = sent(
        R"({"Image":"alpine","ExposedPorts":{"80/tcp":{},"90/udp":{},"91-92/udp":{}},"HostConfig":{"NetworkMode":"back",
        "PublishAllPorts":true,"PortBindings":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostPort":"9000-9010"}],
        "22":[],"23/tcp":null}}})");
    EXPECT_EQ(body["HostConfig"]["PortBindings"], Json::parse(R"({
        "80/tcp":[{"HostIp":"172.30.1.1","HostPort":"8080"},{"HostIp":"172.30.1.1","HostPort":"9000-9010"}],
        "22/tcp":[{"HostIp":"172.30.1.1","HostPort":""}], "23/tcp":[{"HostIp":"172.30.1.1","HostPort":""}],
        "90/udp":[{"HostIp":"172.30.1.1","HostPort":""}]})"));
    EXPECT_FALSE(
        sent(with_host(R"({"NetworkMode":"none","PortBindings":{"80/tcp":[{"HostIp":"0.0.0.0"}]}})"))["HostConfig"]
            .contains("PortBindings"))
        << "the container may be connected later";
    EXPECT_FALSE(body["HostConfig"].contains("PublishAllPorts")) << "the engine would add ports on every address";

    Json unpublished = admit(Json::parse(with_host(R"({"NetworkMode":"back","PortBindings":{"80/tcp":[]}})")), container_create_schema).value();
    ASSERT_TRUE(resolve_image(unpublished, a_job()));
    const Json nobody = rewrite_container_create(unpublished, {"web", "alpine"}, a_job(), {}, an_author(), "").value();
    EXPECT_EQ(nobody["HostConfig"]["PortBindings"]["80/tcp"][0]["HostIp"], "127.0.0.1") << "never every address";
}

TEST(ContainerCreate, WritesDefaultsAndBounds)
{
    Author old = an_author();
    old.version = {1, 24};
    const Json plain = sent(R"({"Image":"alpine"})", {}, old);
    EXPECT_EQ(plain["Image"], image_id);
    EXPECT_EQ(plain["HostConfig"]["IpcMode"], "private");
    EXPECT_EQ(plain["HostConfig"]["CgroupnsMode"], "private");
    EXPECT_EQ(plain["HostConfig"]["LogConfig"],
              Json::parse(R"({"Type":"json-file","Config":{"max-size":"268435456","max-file":"2"}})"));
    Json labels = own_labels(an_author());
    labels["berth.image"] = "alpine";  // what the client called it
    labels["berth.mounts"] = "";
    EXPECT_EQ(plain["Labels"], labels);

    const Json body = sent(R"({"Image":"alpine","StopTimeout":-1,"Labels":{"a":"b","Berth.Job":"x"," berth.key":"y"},
        "Healthcheck":{"Test":["CMD","true"],"Interval":1000000,"Timeout":0,"StartInterval":5000000000,"Retries":500},
        "MacAddress":"","name":"web","platform":"linux/amd64","Entrypoint":"",
        "HostConfig":{"CgroupParent":"/","UsernsMode":"host","Annotations":{"x":"y"},"ContainerIDFile":"/x","KernelMemory":5,
        "IpcMode":"shareable","RestartPolicy":{"Name":"always","MaximumRetryCount":0},"Tmpfs":{"/t":"dev,suid,exec,size=1m","/u":""},
        "LogConfig":{"Type":"local","Config":{"max-size":"1g","max-file":"1","mode":"non-blocking","max-buffer-size":"200g",
        "cache-max-size":"1g","tag":"t","labels":"a,berth.key,Berth.job,b","labels-regex":".*"}}}})");
    const Json& host = body["HostConfig"];
    EXPECT_EQ(body["StopTimeout"], 60);
    EXPECT_EQ(
        body["Healthcheck"],
        Json::parse(
            R"({"Test":["CMD","true"],"Interval":1000000000,"Timeout":0,"StartInterval":5000000000,"Retries":100})"));
    labels["a"] = "b";
    EXPECT_EQ(body["Labels"], labels);
    EXPECT_EQ(body["Entrypoint"], Json({""}));
    EXPECT_EQ(host["RestartPolicy"], Json::parse(R"({"Name":"on-failure","MaximumRetryCount":10})"));
    EXPECT_EQ(host["LogConfig"],
              Json::parse(R"({"Type":"local","Config":{"max-size":"268435456","max-file":"1","tag":"t","labels":"a,b"}})"));
    const Json tagged = sent(R"({"Image":"alpine","HostConfig":{"LogConfig":{"Type":"json-file","Config":{"tag":"{{.Name}}"}}}})");
    EXPECT_FALSE(tagged["HostConfig"]["LogConfig"]["Config"].contains("tag"));
    EXPECT_EQ(host["IpcMode"], "shareable");
    EXPECT_EQ(host["Tmpfs"], Json::parse(R"({"/t":"exec,size=1m","/u":"size=2147483648"})"));
    for (const char* gone : {"CgroupParent", "UsernsMode", "Annotations", "ContainerIDFile", "KernelMemory"})
        EXPECT_FALSE(host.contains(gone)) << gone;
    for (const char* gone : {"name", "platform"}) EXPECT_FALSE(body.contains(gone)) << gone;
}

TEST(ContainerCreate, FollowsItsProfile)
{
    Profile profile;
    profile.capabilities_allowed = {"NET_ADMIN"};
    profile.sysctls_allowed = {"kernel.shmmax"};
    profile.log_drivers = {"local"};
    EXPECT_TRUE(judge(with_host(R"({"CapAdd":["cap_net_admin"],"Sysctls":{"kernel.shmmax":"1"}})"), profile));
    EXPECT_FALSE(judge(with_host(R"({"CapAdd":["SYS_PTRACE"]})"), profile));
    EXPECT_FALSE(judge(with_host(R"({"Sysctls":{"kernel.shmmaxx":"1"}})"), profile));
    EXPECT_FALSE(judge(with_host(R"({"LogConfig":{"Type":"json-file"}})"), profile));
    EXPECT_EQ(sent(R"({"Image":"alpine"})", profile)["HostConfig"]["LogConfig"]["Type"], "local");
}

TEST(ContainerCreate, JudgesWhatTheImageBrings)
{
    const Json image =
        Json::parse(R"({"Healthcheck":{"Test":["CMD","x"],"Interval":1000000,"Timeout":3000000000,"Retries":999},
        "ExposedPorts":{"5432/tcp":{}},"Labels":{"berth.job":"other"}})");
    Json body = Json::parse(R"({"Image":"alpine","HostConfig":{"PublishAllPorts":true}})");
    ASSERT_TRUE(merge_image_config(body, image, {}));
    EXPECT_EQ(body["Healthcheck"], Json::parse(R"({"Interval":1000000000,"Retries":100})")) << "the rest is inherited";
    EXPECT_EQ(body["ExposedPorts"], Json::parse(R"({"5432/tcp":{}})"));

    Json own = Json::parse(R"({"Image":"alpine","Healthcheck":{"Interval":2000000000,"Retries":3}})");
    ASSERT_TRUE(merge_image_config(own, image, {}));
    EXPECT_EQ(own["Healthcheck"], Json::parse(R"({"Interval":2000000000,"Retries":3})"));
    EXPECT_FALSE(own.contains("ExposedPorts")) << "what nobody publishes may be exposed";

    Json quiet = Json::parse(R"({"Image":"alpine"})");
    ASSERT_TRUE(merge_image_config(quiet, Json::parse(R"({"Healthcheck":null,"ExposedPorts":null})"), {}));
    EXPECT_EQ(quiet, Json::parse(R"({"Image":"alpine"})"));

    Json flood = Json::parse(R"({"Image":"alpine","HostConfig":{"PublishAllPorts":true}})");
    const Json flooding = Json::parse(R"({"ExposedPorts":{"1-65535/tcp":{}},"Healthcheck":{"Interval":1}})");
    const Result<void> merged = merge_image_config(flood, flooding, {});
    ASSERT_FALSE(merged);
    EXPECT_EQ(merged.error().rule, "ports.max");
    EXPECT_FALSE(flood.contains("Healthcheck")) << "another profile may have another floor";
}

TEST(ContainerCreate, RefusesWhatWasRemovedSinceItWasJudged)
{
    FakeLookup job = a_job();
    Json body =
        admit(Json::parse(with_host(R"({"NetworkMode":"back","VolumesFrom":["db"]})")), container_create_schema)
            .value();
    ASSERT_TRUE(judge_container_create(body, job, {}));
    EXPECT_EQ(rewrite_container_create(body, {"web", "alpine"}, job, {}, an_author(), "").error().status, 404) << "a name of an image is never sent";
    ASSERT_TRUE(resolve_image(body, job));
    ASSERT_TRUE(rewrite_container_create(body, {"web", "alpine"}, job, {}, an_author(), ""));
    job.remove(Kind::container, db_id);
    const Result<Json> rewritten = rewrite_container_create(body, {"web", "alpine"}, job, {}, an_author(), "");
    ASSERT_FALSE(rewritten);
    EXPECT_EQ(rewritten.error().status, 404);
}

// As docker 28.5 sends `docker run -d --name web -p 8080:80 -e A=b -v data:/data --network back alpine sh`.
constexpr const char* cli_run = R"({"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,
"AttachStderr":false,"ExposedPorts":{"80/tcp":{}},"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["A=b"],"Cmd":["sh"],
"Image":"alpine","Volumes":{},"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{},"HostConfig":{"Binds":["data:/data"],
"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"back","PortBindings":{"80/tcp":[{"HostIp":"",
"HostPort":"8080"}]},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"VolumeDriver":"","VolumesFrom":null,
"ConsoleSize":[0,0],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,
"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,
"ReadonlyRootfs":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":"","CpuShares":0,"Memory":0,
"NanoCpus":0,"CgroupParent":"","BlkioWeight":0,"BlkioWeightDevice":[],"BlkioDeviceReadBps":[],"BlkioDeviceWriteBps":[],
"BlkioDeviceReadIOps":[],"BlkioDeviceWriteIOps":[],"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,
"CpusetCpus":"","CpusetMems":"","Devices":[],"DeviceCgroupRules":null,"DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,
"MemorySwappiness":-1,"OomKillDisable":false,"PidsLimit":0,"Ulimits":[],"CpuCount":0,"CpuPercent":0,"IOMaximumIOps":0,
"IOMaximumBandwidth":0,"MaskedPaths":null,"ReadonlyPaths":null},"NetworkingConfig":{"EndpointsConfig":{}}})";

TEST(ContainerCreate, SendsADockerRunOn)
{
    const Json expected =
        Json::parse(R"({"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,
        "AttachStderr":false,"ExposedPorts":{"80/tcp":{}},"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["A=b"],
        "Cmd":["sh"],"Image":")" +
                    image_id + R"(","Volumes":{},"WorkingDir":"",
        "Labels":{"berth.image":"alpine","berth.job":"build-17","berth.key":")" +
                    key + R"(","berth.mounts":"","berth.profile":"default"},
        "HostConfig":{"Binds":[")" +
                    real("data") + R"(:/data"],
        "LogConfig":{"Type":"json-file","Config":{"max-size":"268435456","max-file":"2"}},"NetworkMode":")" +
                    real("back") + R"(",
        "PortBindings":{"80/tcp":[{"HostIp":"172.30.1.1","HostPort":"8080"}]},
        "RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"VolumeDriver":"","ConsoleSize":[0,0],
        "CgroupnsMode":"private","Dns":[],"DnsOptions":[],"DnsSearch":[],"IpcMode":"private","OomScoreAdj":0,"PidMode":"",
        "ReadonlyRootfs":false,"UTSMode":"","ShmSize":0,"Isolation":"","CpuShares":0,"Memory":0,
        "NanoCpus":0,"BlkioWeight":0,"CpuPeriod":0,"CpuQuota":0,"CpusetCpus":"","CpusetMems":"","MemoryReservation":0,
        "MemorySwap":0,"MemorySwappiness":-1,"PidsLimit":0,"Ulimits":[]},
        "NetworkingConfig":{"EndpointsConfig":{")" +
                    real("back") + R"(":{"Aliases":["web"]}}}})");
    EXPECT_EQ(sent(cli_run), expected) << sent(cli_run).dump(1);
}

// As compose 2.40 sends a service; what is null or zero in it and not of interest is left out.
constexpr const char* compose_up =
    R"({"Hostname":"","AttachStdout":true,"AttachStderr":true,"ExposedPorts":{"80/tcp":{}},
"Env":["A=b"],"Cmd":null,"Healthcheck":{"Test":["CMD","true"],"Interval":500000000},"Image":"postgres:16","Volumes":null,
"Labels":{"com.docker.compose.project":"proj","com.docker.compose.service":"db"},
"HostConfig":{"Binds":["proj_data:/var/lib:rw","/var/run/docker.sock:/var/run/docker.sock:rw"],
"LogConfig":{"Type":"","Config":null},"NetworkMode":"proj_back","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},
"RestartPolicy":{"Name":"always","MaximumRetryCount":0},"ExtraHosts":[],"MemorySwappiness":null,"PidsLimit":null},
"NetworkingConfig":{"EndpointsConfig":{"proj_back":{"IPAMConfig":{},"Links":null,"Aliases":["proj-db-1","db","pg"],"MacAddress":"",
"DriverOpts":null,"GwPriority":0,"NetworkID":"","EndpointID":"","Gateway":"","IPAddress":"","IPPrefixLen":0,"IPv6Gateway":"",
"GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"DNSNames":null}}}})";

TEST(ContainerCreate, SendsAComposeServiceOn)
{
    const Json body = sent(compose_up);
    const Json& host = body["HostConfig"];
    EXPECT_EQ(body["Image"], "sha256:" + FakeLookup::id_of("b2"));
    EXPECT_EQ(body["Healthcheck"]["Interval"], 1000000000);
    EXPECT_EQ(body["Labels"]["com.docker.compose.project"], "proj");
    EXPECT_EQ(body["Labels"]["berth.job"], "build-17");
    EXPECT_EQ(host["Binds"], Json({real("proj_data") + ":/var/lib:rw", an_author().door + ":/var/run/docker.sock:rw"}));
    EXPECT_EQ(host["RestartPolicy"]["Name"], "on-failure");
    EXPECT_EQ(host["NetworkMode"], real("proj_back"));
    EXPECT_EQ(body["NetworkingConfig"]["EndpointsConfig"],
              (Json{{real("proj_back"), Json::parse(R"({"IPAMConfig":{},"Aliases":["proj-db-1","db","pg","web"],
                                                       "MacAddress":"","GwPriority":0})")}}));
}

TEST(ContainerCreate, OneAddressHasAPortOnce)
{
    const Json body = sent(with_host(R"({"NetworkMode":"back","PortBindings":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"80"},
        {"HostIp":"::","HostPort":"80"},{"HostIp":"127.0.0.1","HostPort":"80"},{"HostPort":""},{"HostPort":""}]}})"));
    EXPECT_EQ(body["HostConfig"]["PortBindings"]["80/tcp"], Json::parse(R"([{"HostIp":"172.30.1.1","HostPort":"80"},
        {"HostIp":"172.30.1.1","HostPort":""},{"HostIp":"172.30.1.1","HostPort":""}])"));
}

TEST(ContainerCreate, TheHostsGatewayIsTheJobsOwn)
{
    const std::string asked = with_host(R"({"NetworkMode":"back","ExtraHosts":["host.docker.internal:host-gateway","a=b:host-gateway","b:1.2.3.4","c:::1"]})");
    EXPECT_TRUE(judge(asked).value().default_network);
    EXPECT_EQ(sent(asked)["HostConfig"]["ExtraHosts"], Json::parse(R"(["host.docker.internal:172.30.1.1","a=b:172.30.1.1","b:1.2.3.4","c:::1"])"));
    EXPECT_FALSE(judge(with_host(R"({"NetworkMode":"back","ExtraHosts":["b:1.2.3.4"]})")).value().default_network);
    EXPECT_TRUE(judge(with_host(R"({"NetworkMode":"none","ExtraHosts":["b:host-gateway"]})")).value().default_network)
        << "else the engine would write its own there";
}

TEST(ContainerCreate, TextsAreWrittenAnewInOneSpelling)
{
    const Json host = sent(with_host(R"({"NetworkMode":"back","PortBindings":{"080":[{"HostPort":"08080"}]},"Tmpfs":{"/a":"size=1.5m","/b":"size=010k"},
        "SecurityOpt":["no-new-privileges:true"],"VolumesFrom":["db:"]})"))["HostConfig"];
    EXPECT_EQ(host["PortBindings"], Json::parse(R"({"80/tcp":[{"HostIp":"172.30.1.1","HostPort":"8080"}]})"));
    EXPECT_EQ(host["Tmpfs"], Json::parse(R"({"/a":"size=1572864","/b":"size=10240"})"));
    EXPECT_EQ(host["SecurityOpt"], Json::array({"no-new-privileges"}));
    EXPECT_EQ(host["VolumesFrom"][0].get<std::string>().find(':'), std::string::npos);
    expect_refusals({
        {"a port twice", with_host(R"({"PortBindings":{"80/tcp":[],"080":[]}})"), 400, "", "twice"},
        {"an extra host without a sign", with_host(R"({"ExtraHosts":["a=host-gateway"]})"), 400, "", "bad format for add-host"},
        {"an extra host with a blank", with_host(R"({"ExtraHosts":["a: 1.2.3.4"]})"), 400, "", "invalid IP address"},
        {"lines of hosts", with_host(R"({"ExtraHosts":["a\n1.2.3.4 b:1.2.3.4"]})"), 400, "", "bad format for add-host"},
        {"lines of resolv.conf", with_host(R"({"DnsSearch":["a\nnameserver 1.2.3.4"]})"), 400, "", "control characters"},
        {"a name server", with_host(R"({"Dns":["1.2.3.4\noptions x"]})"), 400, "", "invalid DNS"},
        {"a mode twice", with_host(R"({"Binds":["data:/x:ro,rw"]})"), 400, "", "invalid mode"},
        {"a variable without a name", R"({"Image":"alpine","Env":["=x"]})", 400, "", "invalid environment variable"},
    });
}

}  // namespace
}  // namespace rules
