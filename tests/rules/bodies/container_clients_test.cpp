#include "tests/rules/bodies/container_body.h"

// Whole bodies, as clients send them.
namespace rules {
namespace {

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
    EXPECT_EQ(host["Binds"], Json({real("proj_data") + ":/var/lib:rw", a_context().door + ":/var/run/docker.sock:rw"}));
    EXPECT_EQ(host["RestartPolicy"]["Name"], "on-failure");
    EXPECT_EQ(host["NetworkMode"], real("proj_back"));
    EXPECT_EQ(body["NetworkingConfig"]["EndpointsConfig"],
              (Json{{real("proj_back"), Json::parse(R"({"IPAMConfig":{},"Aliases":["proj-db-1","db","pg","web"],
                                                       "MacAddress":"","GwPriority":0})")}}));
}

}  // namespace
}  // namespace rules
