#pragma once

#include "rules/profile.h"
#include "rules/reference.h"
#include "rules/result.h"

namespace rules {

/// Whether a job under `profile` may pull `reference`, which has a tag or a digest: for a pull, and for the base of a
/// build. 403 otherwise. What a job has made itself it may always use.
Result<void> check_pull(const Reference& reference, const Profile& profile);

}  // namespace rules
