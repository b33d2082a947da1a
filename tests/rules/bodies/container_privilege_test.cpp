#include "tests/rules/bodies/container_body.h"

// What would give a container more of the host than its share: privilege, devices, floods.
namespace rules {
namespace {

const std::vector<RefusedBody> of_privilege = {
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
};

TEST(ContainerCreate, RefusesPrivilege)
{
    expect_refusals(of_privilege);
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

}  // namespace
}  // namespace rules
