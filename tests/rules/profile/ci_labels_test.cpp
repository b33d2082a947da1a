#include "rules/profile/ci_labels.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

constexpr std::int64_t now = 1'800'000'000;

std::optional<std::int64_t> deadline(const char* labels) { return deadline_of_labels(Json::parse(labels), now); }

TEST(DeadlineOfLabels, OfGitLabIsADurationFromNow)
{
    EXPECT_EQ(deadline(R"({"com.gitlab.gitlab-runner.job.timeout": "1h0m0s"})"), now + 3600);
    EXPECT_EQ(deadline(R"({"com.gitlab.gitlab-runner.job.timeout": "90s"})"), now + 90);
}

TEST(DeadlineOfLabels, OfDroneIsAMoment)
{
    EXPECT_EQ(deadline(R"({"io.drone.expires": "1800000060"})"), now + 60);
    EXPECT_EQ(deadline(R"({"io.drone.expires": "1700000000"})"), 1'700'000'000) << "over already";
}

TEST(DeadlineOfLabels, TheEarlierOneCounts)
{
    EXPECT_EQ(deadline(R"({"com.gitlab.gitlab-runner.job.timeout": "1h", "io.drone.expires": "1800000060"})"), now + 60);
}

TEST(DeadlineOfLabels, WhatCannotBeReadIsNone)
{
    for (const char* labels :
         {"null", "[]", "{}", R"({"other": "1h"})", R"({"io.drone.expires": "soon"})", R"({"io.drone.expires": 5})", R"({"io.drone.expires": "-1"})",
          R"({"io.drone.expires": "0"})", R"({"com.gitlab.gitlab-runner.job.timeout": ""})", R"({"com.gitlab.gitlab-runner.job.timeout": "s"})",
          R"({"com.gitlab.gitlab-runner.job.timeout": "3600"})", R"({"com.gitlab.gitlab-runner.job.timeout": "0s"})",
          R"({"com.gitlab.gitlab-runner.job.timeout": "-1h"})", R"({"com.gitlab.gitlab-runner.job.timeout": "2027-01-01T00:00:00Z"})"})
        EXPECT_EQ(deadline(labels), std::nullopt) << labels;
}

}  // namespace
}  // namespace rules
