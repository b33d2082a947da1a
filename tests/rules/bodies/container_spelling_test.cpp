#include "tests/rules/bodies/container_body.h"

// Two spellings of one thing: what Go would read differently is refused, what goes on has one.
namespace rules {
namespace {

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

TEST(ContainerCreate, TextsAreWrittenAnewInOneSpelling)
{
    const Json host =
        sent(with_host(R"({"NetworkMode":"back","PortBindings":{"080":[{"HostPort":"08080"}]},"Tmpfs":{"/a":"size=1.5m","/b":"size=010k"},
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
