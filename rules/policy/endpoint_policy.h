#pragma once

#include "rules/api/route.h"
#include "rules/profile.h"

namespace rules {

/// Whether `profile` leaves the operation of `route` open: its switches, and `endpoints.closed`. 403 otherwise.
Result<void> check_endpoint(const Route& route, const Profile& profile);

/// The API versions that a job under `profile` speaks, of those that the engine does.
Versions versions_under(Versions engine, const Profile& profile);

/// Whether a job whose images have `bytes` may have a further one. 403 otherwise.
Result<void> check_image_bytes(std::int64_t bytes, const Profile& profile);

/// Whether a job that has `count` streams (requests whose answers last) may have one more. 429 otherwise.
Result<void> check_streams(std::size_t count, const Profile& profile);

/// Whether a job that has `count` objects of `kind` may have one more. 403 otherwise.
Result<void> check_count(Kind kind, std::size_t count, const Profile& profile);

}  // namespace rules
