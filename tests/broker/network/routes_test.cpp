#include "broker/network/routes.h"

#include <gtest/gtest.h>

namespace {

TEST(Routes, AreReadAsSubnetsWithoutTheDefault)
{
    const std::string text =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t0000630A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        "br-1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    EXPECT_EQ(broker::parse_routes(text), (std::vector<std::string>{"10.99.0.0/16", "192.168.0.0/24"}));
}

}  // namespace
