#include <gtest/gtest.h>

#include "rules/bodies/bodies.h"
#include "tests/rules/fake_lookup.h"

namespace rules {
namespace {

const std::string key(FakeLookup::test_key);
const std::string web_id = FakeLookup::id_of("ab");

RewriteContext a_context()
{
    return {"build-17", key, "default", "/run/berth/docker.sock", Version{1, 47}};
}

Result<Json> created(const std::string& text)
{
    const Result<Json> parsed = parse_json(text);
    const Result<Json> body = parsed ? admit(*parsed, network_create_schema) : parsed;
    return body ? rewrite_network_create(*body, Profile{}, a_context()) : body;
}

std::string with_pool(const std::string& pool)
{
    return R"({"Name":"n","IPAM":{"Config":[)" + pool + "]}}";
}

struct Case {
    const char* name;
    std::string body;
    const char* rule;
    const char* field;
};

TEST(NetworkCreate, IsPlacedOnALeasedSubnetUnlessItAskedForOne)
{
    const std::optional<Subnet> leased = parse_subnet("10.213.0.64/26");
    const Json chosen =
        placed_network(*created(R"({"Name":"n","IPAM":{"Config":[{}]},"Options":{"com.docker.network.driver.mtu":"1400"}})"), leased, "bt-x");
    EXPECT_EQ(chosen["IPAM"], parse_json(R"({"Driver":"default","Config":[{"Subnet":"10.213.0.64/26","Gateway":"10.213.0.65"}]})").value());
    EXPECT_EQ(chosen["Options"], parse_json(R"({"com.docker.network.driver.mtu":"1400","com.docker.network.bridge.name":"bt-x"})").value());

    const Json own = *created(with_pool(R"({"Subnet":"10.77.0.5/24","Gateway":"10.77.0.9"})"));
    EXPECT_EQ(to_string(wanted_subnet(own).value_or(Subnet{})), "10.77.0.0/24");
    EXPECT_EQ(placed_network(own, wanted_subnet(own), "bt-x")["IPAM"], own["IPAM"]);

    EXPECT_FALSE(placed_network(*created(R"({"Name":"n"})"), std::nullopt, "bt-x").contains("IPAM"));
}

TEST(NetworkCreate, HasOneSubnetAsABridgeMust)
{
    const auto two = created(with_pool(R"({"Subnet":"10.0.0.0/24"},{"Subnet":"10.0.1.0/24"})"));
    ASSERT_FALSE(two);
    EXPECT_EQ(two.error().status, 400);
}

TEST(NetworkCreate, RefusesWhatReachesBeyondTheJob)
{
    const std::string subnet = "IPAM.Config[0].Subnet";
    const Case cases[] = {
        {"W-04", R"({"Name":"n","Driver":"macvlan","Options":{"parent":"eth0"}})", "network-driver", "Driver"},
        {"W-04 host", R"({"Name":"n","Driver":"host"})", "network-driver", "Driver"},
        {"W-04 overlay", R"({"Name":"n","Driver":"overlay"})", "network-driver", "Driver"},
        {"W-05", R"({"Options":{"com.docker.network.bridge.name":"virbr0"}})", "network-options",
         "Options.com.docker.network.bridge.name"},
        {"W-06 public", with_pool(R"({"Subnet":"93.184.216.0/24"})"), "subnet", subnet.c_str()},
        {"W-06 metadata", with_pool(R"({"Subnet":"169.254.169.0/24"})"), "subnet", subnet.c_str()},
        {"W-06 loopback", with_pool(R"({"Subnet":"127.0.0.0/16"})"), "subnet", subnet.c_str()},
        {"W-06 everything", with_pool(R"({"Subnet":"0.0.0.0/0"})"), "subnet", subnet.c_str()},
        {"W-06 too wide", with_pool(R"({"Subnet":"10.0.0.0/15"})"), "subnet", subnet.c_str()},
        {"W-06 too narrow", with_pool(R"({"Subnet":"10.0.0.0/31"})"), "subnet", subnet.c_str()},
        {"W-06 beside the block", with_pool(R"({"Subnet":"172.32.0.0/16"})"), "subnet", subnet.c_str()},
        {"W-06 no prefix", with_pool(R"({"Subnet":"10.0.0.0"})"), "subnet", subnet.c_str()},
        {"W-06 octal", with_pool(R"({"Subnet":"010.0.0.0/24"})"), "subnet", subnet.c_str()},
        {"W-06 short", with_pool(R"({"Subnet":"10.1/24"})"), "subnet", subnet.c_str()},
        {"W-06 no subnet", with_pool(R"({"Gateway":"10.0.0.1"})"), "subnet", subnet.c_str()},
        {"W-06 gateway", with_pool(R"({"Subnet":"10.0.0.0/24","Gateway":"8.8.8.8"})"), "subnet",
         "IPAM.Config[0].Gateway"},
        {"W-06 range", with_pool(R"({"Subnet":"10.0.0.0/24","IPRange":"10.0.0.0/16"})"), "subnet",
         "IPAM.Config[0].IPRange"},
        {"W-06 second", with_pool(R"({"Subnet":"10.0.0.0/24"},{"Subnet":"1.0.0.0/24"})"), "subnet",
         "IPAM.Config[1].Subnet"},
        {"W-06 auxiliary", with_pool(R"({"Subnet":"10.0.0.0/24","AuxiliaryAddresses":{"r":"10.0.1.1"}})"), "subnet",
         "IPAM.Config[0].AuxiliaryAddresses.r"},
        {"W-07 binding", R"({"Options":{"com.docker.network.bridge.host_binding_ipv4":"0.0.0.0"}})", "network-options",
         "Options.com.docker.network.bridge.host_binding_ipv4"},
        {"W-07 mode", R"({"Options":{"com.docker.network.bridge.gateway_mode_ipv4":"routed"}})", "network-options",
         "Options.com.docker.network.bridge.gateway_mode_ipv4"},
        {"W-07 unknown", R"({"Options":{"x":""}})", "network-options", "Options.x"},
        {"W-07 IPAM", R"({"IPAM":{"Options":{"x":"y"}}})", "network-options", "IPAM.Options"},
        {"W-07 IPAM driver", R"({"IPAM":{"Driver":"dhcp"}})", "network-driver", "IPAM.Driver"},
        {"W-08 ConfigOnly", R"({"ConfigOnly":true})", "network-driver", "ConfigOnly"},
        {"W-08 ConfigFrom", R"({"ConfigFrom":{"Network":"x"}})", "network-driver", "ConfigFrom.Network"},
        {"W-08 Ingress", R"({"Ingress":true})", "network-driver", "Ingress"},
        {"W-08 Scope", R"({"Scope":"swarm"})", "network-driver", "Scope"},
        {"W-17", with_pool(R"({"Subnet":"2001:db8::/64"})"), "subnet", subnet.c_str()},
        {"unknown", R"({"Parent":"eth0"})", "unknown-field", "Parent"},
    };
    for (const Case& each : cases) {
        const Result<Json> result = created(each.body);
        ASSERT_FALSE(result) << each.name;
        EXPECT_EQ(result.error().status, 403) << each.name;
        EXPECT_EQ(result.error().rule, each.rule) << each.name;
        EXPECT_EQ(result.error().field, each.field) << each.name;
    }
}

TEST(NetworkCreate, SendsOnWhatClientsSend)
{
    // docker 20.10, `docker network create --subnet 172.30.0.0/24 foo`
    const Json labels = own_labels(a_context());
    Json expected = Json::parse(R"({"Name":"foo","Driver":"bridge","Scope":"","EnableIPv6":false,
        "IPAM":{"Driver":"default","Config":[{"Subnet":"172.30.0.0/24"}]},"Internal":false,"Options":{}})");
    expected["Labels"] = labels;
    EXPECT_EQ(
        created(R"({"CheckDuplicate":true,"Driver":"bridge","Scope":"","EnableIPv6":false,"IPAM":{"Driver":"default",
        "Options":{},"Config":[{"Subnet":"172.30.0.0/24"}]},"Internal":false,"Attachable":false,"Ingress":false,
        "ConfigOnly":false,"ConfigFrom":{"Network":""},"Options":{},"Labels":{},"Name":"foo"})")
            .value(),
        expected);

    // compose 2.40
    expected = Json::parse(R"({"Name":"p_back","Driver":"bridge","Scope":"","Internal":false})");
    expected["Labels"] = labels;
    expected["Labels"]["com.docker.compose.network"] = "back";
    EXPECT_EQ(created(R"({"Driver":"","Scope":"","IPAM":null,"Internal":false,"Attachable":false,"Ingress":false,
        "ConfigOnly":false,"ConfigFrom":null,"Options":null,
        "Labels":{"com.docker.compose.network":"back","BERTH.job":"x"},"Name":"p_back"})")
                  .value(),
              expected);

    EXPECT_TRUE(created(with_pool(R"({"Subnet":"192.168.7.0/30","IPRange":"192.168.7.0/30","Gateway":"192.168.7.1"})")));
    EXPECT_TRUE(created(with_pool(R"({"Subnet":"10.9.0.0/16","AuxiliaryAddresses":{"r":"10.9.1.1"}})")));
    EXPECT_TRUE(created(with_pool("{}")));
    EXPECT_TRUE(created(
        R"({"Options":{"com.docker.network.driver.mtu":"1400","com.docker.network.bridge.enable_icc":"true"}})"));
}

TEST(NetworkConnect, NamesTheContainerByItsIdAndGivesItItsName)
{
    FakeLookup job;
    job.add(Kind::container, "web", web_id);
    job.add(Kind::container, "db", FakeLookup::id_of("cd"));
    const auto connected = [&](const std::string& text) -> Result<Json> {
        const Result<Json> body = admit(Json::parse(text), network_connect_schema);
        return body ? rewrite_network_connect(*body, job) : body;
    };
    EXPECT_EQ(connected(R"({"Container":"web"})").value(),
              (Json{{"Container", web_id}, {"EndpointConfig", {{"Aliases", {"web"}}}}}));
    EXPECT_EQ(
        connected(R"({"Container":")" + web_id.substr(0, 8) + R"(","EndpointConfig":{"IPAMConfig":{},"Links":["db:d"],
        "Aliases":["x"],"NetworkID":"victim","EndpointID":"e","MacAddress":""}})")
            .value()["EndpointConfig"],
        (Json{{"Aliases", {"x", "web"}},
              {"IPAMConfig", Json::object()},
              {"Links", {real_name(key, "db") + ":d"}},
              {"MacAddress", ""}}));
    EXPECT_EQ(connected(R"({"Container":"victim"})").error().message, "No such container: victim");
    EXPECT_EQ(connected("{}").error().status, 404);
    EXPECT_EQ(connected(R"({"Container":"web","EndpointConfig":{"Links":["victim:v"]}})").error().status, 404);
    EXPECT_EQ(
        connected(R"({"Container":"web","EndpointConfig":{"DriverOpts":{"com.docker.network.endpoint.sysctls":"x"}}})")
            .error()
            .rule,
        "endpoint-options");
    EXPECT_EQ(connected(R"({"Container":"web","container":"victim"})").error().status, 400);
}

TEST(NetworkDisconnect, SendsOnlyAnIdAndNeverAnUnknownName)
{
    FakeLookup job;
    job.add(Kind::container, "web", web_id);
    const auto disconnected = [&](const char* text) {
        return rewrite_network_disconnect(admit(Json::parse(text), network_disconnect_schema).value(), job);
    };
    EXPECT_EQ(disconnected(R"({"Container":"web","Force":true})").value(),
              (Json{{"Container", web_id}, {"Force", true}}));
    EXPECT_EQ(disconnected(R"({"Container":"victim","Force":true})").error().status, 404);  // W-02
}

}  // namespace
}  // namespace rules
