#pragma once

#include <string>
#include <vector>

#include "rules/judge/verdict.h"
#include "rules/profile.h"

namespace rules {

struct Suggestion {
    std::string text;             ///< a rules file with the one profile
    std::size_t requests = 0;     ///< that it allows
    std::size_t left = 0;         ///< that no profile allows
};

/// The tightest profile, called `name` and beside that as `base`, which allows `done`: requests that were let through. What
/// refuses is closed, and opened again as far as the refusals of `judge_request` ask for; what is capped or forced changes
/// how a job runs and stays as it is in `base`.
Suggestion suggest_profile(const std::string& name, const std::vector<AskedRequest>& done, const Profile& base);

}  // namespace rules
