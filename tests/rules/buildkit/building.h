#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "rules/buildkit/attributes.h"

namespace rules {

inline const std::string building_key = "abcdefghijklmnopqrstuvwxyz";

inline BuildingJob a_building_job()
{
    return {.key = building_key, .space = "of-the-job", .cgroup = "/berth.slice/job", .gateway = "172.30.0.1"};
}

/// What said no: the rule, or the status where it was none; "" when it was taken.
template <class T>
std::string refusal(const Result<T>& judged)
{
    if (judged) return {};
    return judged.error().rule.empty() ? std::to_string(judged.error().status) : judged.error().rule;
}

}  // namespace rules
