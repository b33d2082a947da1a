#include "rules/firewall.h"

#include <gtest/gtest.h>

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
    EXPECT_NE(text.find(" chain to-a {\n  ip daddr { 10.213.0.0/26, 10.77.0.0/24 } return\n  ip daddr @subnets drop\n"),
              text.npos);
    EXPECT_NE(text.find(" chain to-b {\n  ip daddr { 10.213.0.64/26 } return\n  ip daddr @subnets drop\n"), text.npos);
    EXPECT_NE(text.find(R"(iifname vmap { "bt-1" : jump to-a, "bt-2" : jump to-b, "bt-3" : jump to-a })"), text.npos);
    EXPECT_NE(text.find(" chain across-a {\n  oifname { \"bt-1\", \"bt-3\" } return\n  oifname @bridges drop\n"),
              text.npos);
    EXPECT_EQ(text.find("accept"), text.find("accept;"));  // policies alone
    EXPECT_EQ(text.find("hook input"), text.npos);
}

TEST(Firewall, TheMetadataServiceAndTheHostAreKnobs)
{
    GuardedNetwork network{"a", "bt-1", "10.213.0.0/26"};
    EXPECT_EQ(count(ruleset("t", {network}), "169.254.169.254"), 1u);
    network.metadata = true;
    EXPECT_EQ(count(ruleset("t", {network}), "169.254.169.254"), 0u);
    network.host = false;
    const std::string text = ruleset("t", {network});
    EXPECT_NE(text.find("ip daddr { 10.213.0.0/26 } socket wildcard 0 return\n  drop"), text.npos);
    EXPECT_NE(text.find(R"(hook input priority -10; policy accept;
  iifname vmap { "bt-1" : jump host-a })"),
              text.npos);
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
