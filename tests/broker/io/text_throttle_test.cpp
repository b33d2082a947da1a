#include "broker/io/text_throttle.h"

#include <gtest/gtest.h>

namespace broker {
namespace {

using namespace std::chrono_literals;

const Clock::time_point start = Clock::time_point(1h);

TEST(RateLimiter, HasASecondsWorthAtOnce)
{
    RateLimiter limiter;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(limiter.turn(start, 100ms), 0s) << i;
    EXPECT_EQ(limiter.turn(start, 100ms), 100ms);
}

TEST(RateLimiter, IsPaidByWaiting)
{
    RateLimiter limiter;
    limiter.turn(start, 1s);
    EXPECT_EQ(limiter.turn(start, 500ms), 500ms);
    EXPECT_EQ(limiter.turn(start + 500ms, 250ms), 250ms);
    EXPECT_EQ(limiter.turn(start + 1h, 1s), 0s) << "who paused has no more than a second's worth either";
    EXPECT_EQ(limiter.turn(start + 1h, 100ms), 100ms);
}

TEST(RateLimiter, ForgivesWhatIsLongerThanTheLongest)
{
    RateLimiter limiter;
    EXPECT_EQ(limiter.turn(start, 1h, 5s), 5s);
    EXPECT_EQ(limiter.turn(start, 1s, 5s), 5s);
}

}  // namespace
}  // namespace broker
