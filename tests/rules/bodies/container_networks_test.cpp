#include "tests/rules/bodies/container_body.h"

// Namespaces, networks and ports of a container.
namespace rules {
namespace {

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

    RewriteContext older = a_context();
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
    const Json nobody = rewrite_container_create(unpublished, {"web", "alpine"}, a_job(), {}, a_context(), "").value();
    EXPECT_EQ(nobody["HostConfig"]["PortBindings"]["80/tcp"][0]["HostIp"], "127.0.0.1") << "never every address";
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
    const std::string asked =
        with_host(R"({"NetworkMode":"back","ExtraHosts":["host.docker.internal:host-gateway","a=b:host-gateway","b:1.2.3.4","c:::1"]})");
    EXPECT_TRUE(judge(asked).value().default_network);
    EXPECT_EQ(sent(asked)["HostConfig"]["ExtraHosts"], Json::parse(R"(["host.docker.internal:172.30.1.1","a=b:172.30.1.1","b:1.2.3.4","c:::1"])"));
    EXPECT_FALSE(judge(with_host(R"({"NetworkMode":"back","ExtraHosts":["b:1.2.3.4"]})")).value().default_network);
    EXPECT_TRUE(judge(with_host(R"({"NetworkMode":"none","ExtraHosts":["b:host-gateway"]})")).value().default_network)
        << "else the engine would write its own there";
}

}  // namespace
}  // namespace rules
