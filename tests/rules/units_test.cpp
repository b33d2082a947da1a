#include <gtest/gtest.h>

#include "rules/units.h"

namespace rules {
namespace {

TEST(Units, Sizes)
{
    EXPECT_EQ(parse_size("64m"), std::int64_t{64} << 20);
    EXPECT_EQ(parse_size("1.5 KiB"), 1536);
    EXPECT_EQ(parse_size("64m", 1000), 64'000'000);
    for (const char* bad : {"", "m", "1x", "1  k", "1e3", "0x10", "inf", "nan", "1kbb", "9999999p"}) EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Units, Durations)
{
    EXPECT_EQ(parse_duration("90s"), 90'000'000'000);
    EXPECT_EQ(parse_duration("1m30s"), 90'000'000'000);
    EXPECT_EQ(parse_duration("500ms"), 500'000'000);
    EXPECT_EQ(parse_duration("2d"), 172'800'000'000'000);
    for (const char* bad : {"", "30", "s", "-1s", "1.5s", "1s ", "99999999999999999d", "1y"})
        EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace rules
