#include "rules/names/subnets.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

Subnet subnet(const char* text)
{
    return parse_subnet(text).value_or(Subnet{});
}

TEST(Subnets, AreReadStrictly)
{
    EXPECT_EQ(to_string(subnet("10.1.2.0/24")), "10.1.2.0/24");
    EXPECT_EQ(to_string(subnet("10.1.2.3")), "10.1.2.3/32");
    EXPECT_EQ(to_string(subnet("255.255.255.255/0").whole()), "0.0.0.0/0");
    for (const char* text : {"", "10.1.2", "10.1.2.3.4", "10.1.2.256", "010.1.2.3", "10.1.2.0/", "10.1.2.0/33",
                             "10.1.2.0/024", "10.1.2.0/24 ", "10..2.3", "fd00::/8", "/24", "10.1.2.+3"})
        EXPECT_FALSE(parse_subnet(text)) << text;
}

TEST(Subnets, OverlapWhenOneIsWithinTheOther)
{
    EXPECT_TRUE(subnet("10.0.0.0/8").overlaps(subnet("10.213.0.64/26")));
    EXPECT_TRUE(subnet("10.213.0.64/26").overlaps(subnet("10.0.0.0/8")));
    EXPECT_TRUE(subnet("0.0.0.0/0").overlaps(subnet("192.168.1.0/24")));
    EXPECT_FALSE(subnet("10.213.0.0/26").overlaps(subnet("10.213.0.64/26")));
}

TEST(Subnets, TheGatewayIsTheFirstAddress)
{
    EXPECT_EQ(gateway_of(subnet("10.213.4.64/26")), "10.213.4.65");
    EXPECT_EQ(gateway_of(subnet("10.77.0.5/24")), "10.77.0.1");
}

TEST(Subnets, APoolIsPrivateAndLargerThanItsSubnets)
{
    const Result<Pool> pool = parse_pool("10.213.0.0/16", 26);
    ASSERT_TRUE(pool);
    EXPECT_EQ(pool->count(), 1024u);
    EXPECT_EQ(to_string(pool->at(5)), "10.213.1.64/26");
    EXPECT_TRUE(parse_pool("192.168.7.0/29", 29));
    const std::pair<const char*, int> refused[] = {{"8.8.0.0/16", 26},    {"172.32.0.0/16", 26}, {"10.0.0.0/7", 26},
                                                   {"10.213.0.1/16", 26}, {"10.213.0.0", 26},    {"10.213.0.0/16", 15},
                                                   {"10.213.0.0/16", 30}, {"nonsense", 26}};
    for (const auto& [range, size] : refused) EXPECT_FALSE(parse_pool(range, size)) << range << " " << size;
}

TEST(Subnets, TheNextFreeOneIsLookedForAround)
{
    const Pool pool = *parse_pool("10.213.0.0/24", 26);
    EXPECT_EQ(next_free(pool, 0, {}), 0u);
    EXPECT_EQ(next_free(pool, 3, {}), 3u);
    EXPECT_EQ(next_free(pool, 4, {}), 0u);
    EXPECT_EQ(next_free(pool, 2, {subnet("10.213.0.128/25"), subnet("10.213.0.1/32")}), 1u);
    EXPECT_EQ(next_free(pool, 0, {subnet("10.213.0.0/24")}), std::nullopt);
    EXPECT_EQ(next_free(pool, 0, {subnet("10.0.0.0/8")}), std::nullopt);
}

TEST(Subnets, AWantedOneIsFreeAndNotRouted)
{
    const std::vector<Subnet> networks = {subnet("10.77.0.0/24")},
                              routed = {subnet("10.99.0.0/16"), subnet("10.77.0.0/24")};
    EXPECT_TRUE(judge_wanted_subnet(subnet("10.78.0.0/24"), networks, routed));
    const auto overlaps = judge_wanted_subnet(subnet("10.77.0.128/25"), networks, routed);
    ASSERT_FALSE(overlaps);
    EXPECT_EQ(overlaps.error().status, 403);
    EXPECT_TRUE(overlaps.error().message.starts_with("Pool overlaps with other one on this address space"))
        << overlaps.error().message;
    const auto on_route = judge_wanted_subnet(subnet("10.99.3.0/24"), networks, routed);
    ASSERT_FALSE(on_route);
    EXPECT_EQ(on_route.error().rule, "subnet");
    EXPECT_NE(on_route.error().message.find("10.99.0.0/16"), std::string::npos);
}

}  // namespace
}  // namespace rules
