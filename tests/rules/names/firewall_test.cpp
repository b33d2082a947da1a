#include "rules/names/firewall.h"

#include <gtest/gtest.h>

#include <set>

#include "rules/names/addresses.h"

namespace rules {
namespace {

std::size_t count(const std::string& text, const std::string& part)
{
    std::size_t times = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++times;
    return times;
}

TEST(Firewall, WithoutNetworksTheTableGoes)
{
    EXPECT_EQ(ruleset("berth-1", {}), "table inet berth-1 {\n}\ndelete table inet berth-1\n");
}

TEST(Firewall, EachJobReachesItsOwnSubnetsAndNoOthers)
{
    const std::string text = ruleset(
        "berth-1", {{"a", "bt-1", "10.213.0.0/26"}, {"b", "bt-2", "10.213.0.64/26"}, {"a", "bt-3", "10.77.0.0/24"}});
    EXPECT_NE(text.find("elements = { 10.213.0.0/26, 10.213.0.64/26, 10.77.0.0/24 }"), text.npos);
    const std::string v6a = subnet6_of("bt-1") + ", " + subnet6_of("bt-3"), v6b = subnet6_of("bt-2");
    EXPECT_NE(text.find(" chain to-a {\n  ip daddr { 10.213.0.0/26, 10.77.0.0/24 } return\n  ip6 daddr { " + v6a +
                        " } return\n  ip daddr @subnets drop\n  ip6 daddr @subnets6 drop\n"),
              text.npos);
    EXPECT_NE(text.find(" chain to-b {\n  ip daddr { 10.213.0.64/26 } return\n  ip6 daddr { " + v6b +
                        " } return\n  ip daddr @subnets drop\n  ip6 daddr @subnets6 drop\n"),
              text.npos);
    EXPECT_NE(text.find(R"(iifname vmap { "bt-1" : jump to-a, "bt-2" : jump to-b, "bt-3" : jump to-a })"), text.npos);
    EXPECT_NE(text.find(" chain across-a {\n  oifname { \"bt-1\", \"bt-3\" } return\n  oifname @bridges drop\n"),
              text.npos);
    EXPECT_EQ(text.find("accept"), text.find("accept;"));  // policies alone
    EXPECT_EQ(text.find("hook input"), text.npos);
}

TEST(Firewall, TheMetadataServiceAndTheHostAreKnobs)
{
    GuardedNetwork network{"a", "bt-1", "10.213.0.0/26"};
    const std::string plain = ruleset("t", {network});
    for (const std::string& range : cloud_ranges()) EXPECT_EQ(count(plain, range), 1u) << range;
    EXPECT_EQ(count(plain, "jump cloud"), 2u) << "one a family";
    network.metadata = true;
    EXPECT_EQ(count(ruleset("t", {network}), "jump cloud"), 0u);
    network.host = false;
    const std::string text = ruleset("t", {network});
    EXPECT_NE(text.find("ip daddr { 10.213.0.0/26 } socket wildcard 0 return\n  ip6 daddr { " + subnet6_of("bt-1") +
                        " } socket wildcard 0 return\n  drop"),
              text.npos);
    EXPECT_NE(text.find(R"(hook input priority -10; policy accept;
  iifname vmap { "bt-1" : jump host-a })"),
              text.npos);
}

TEST(Firewall, EgressIsWhatTheProfileNames)
{
    GuardedNetwork network{"a", "bt-1", "10.213.0.0/26"};
    const std::string all = ruleset("t", {network});
    EXPECT_EQ(count(all, "ct state"), 0u);
    for (const std::vector<std::string>& none : {std::vector<std::string>{}, {"none"}}) {
        network.egress = none;
        const std::string text = ruleset("t", {network});
        EXPECT_NE(
            text.find(" chain across-a {\n  oifname { \"bt-1\" } return\n  oifname @bridges drop\n  ct state established,related return\n  drop\n }"),
            text.npos)
            << text;
        EXPECT_EQ(count(text, "jump host-a"), 1u) << "the host is outside, too";
    }
    network.egress = {"198.51.100.0/24", "2001:db8:1::/48"};
    const std::string some = ruleset("t", {network});
    EXPECT_EQ(count(some, "  ip daddr { 198.51.100.0/24 } return\n  ip6 daddr { 2001:db8:1::/48 } return\n  drop\n"), 2u) << some;
    network.host = false;
    EXPECT_EQ(count(ruleset("t", {network}), "ip daddr { 198.51.100.0/24 } return"), 1u);
}

TEST(Firewall, EachDeviceHasAnIpv6SubnetOfItsOwn)
{
    std::set<std::string> all;
    for (int device = 0; device < 1000; ++device) {
        const std::string subnet = subnet6_of("bt-" + std::to_string(device));
        ASSERT_TRUE(parse_range("fd00::/8")->contains(parse_range(subnet).value().first)) << subnet;
        EXPECT_EQ(parse_range(subnet)->bits, 64);
        all.insert(subnet);
    }
    EXPECT_EQ(all.size(), 1000u);
}

TEST(Firewall, ANetworkWithoutIpv4IsHeldByItsBridge)
{
    const std::string text = ruleset("t", {{"a", "bt-1", ""}});
    EXPECT_EQ(text.find("elements = {  }"), text.npos);
    EXPECT_EQ(text.find("daddr {  }"), text.npos);
    EXPECT_EQ(count(text, "\"bt-1\""), 4u);
}

}  // namespace
}  // namespace rules
