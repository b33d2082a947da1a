#pragma once

#include <cstdint>
#include <optional>

#include "rules/json.h"

namespace rules {

/// When the CI system that labelled a container so gives its job up: GitLab Runner's `com.gitlab.gitlab-runner.job.timeout` (a Go duration,
/// counted from `now`) and Drone's `io.drone.expires` (Unix seconds), the earlier of them. nullopt when neither is there and readable.
std::optional<std::int64_t> deadline_of_labels(const Json& labels, std::int64_t now);

}  // namespace rules
