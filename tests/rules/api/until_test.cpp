#include "rules/api/until.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

using namespace std::chrono_literals;

TEST(Timestamp, IsSecondsWithAFraction)
{
    const std::pair<const char*, std::chrono::nanoseconds> given[] = {
        {"0", 0ns},
        {"-5", -5s},
        {"9999999999", 9000000000s},
        {"1700000000", 1700000000s},
        {"1700000000.5", 1700000000s + 500ms},
        {"1700000000.000000001", 1700000000s + 1ns},
        {"1.1234567890123", 1s + 123456789ns},
        {"7.", 7s},
    };
    for (const auto& [text, moment] : given) EXPECT_EQ(*timestamp_of(text), moment) << text;
    for (const char* text : {"", "-1", "-1.5"}) EXPECT_EQ(*timestamp_of(text), std::nullopt) << text;
}

TEST(Timestamp, IsNothingElse)
{
    for (const char* text : {"1h", "2026-01-02", ".5", "1.-5", "1.x", "-1.123456789x", "+1", " 1", "1e3", "99999999999999999999"})
        EXPECT_EQ(timestamp_of(text).error().status, 400) << text;
}

}  // namespace
}  // namespace rules
