#pragma once

#include "rules/names/reference.h"
#include "rules/profile.h"
#include "rules/query.h"
#include "rules/result.h"

namespace rules {

/// The reference that a pull's query is for: a tag or a digest, `latest` when neither is given. (Without either, dockerd pulls every tag.)
Result<Reference> pulled_reference(const Query& query);

/// An import's bytes come with the request. 403 for a URL, which the engine would fetch.
Result<void> check_import(const Query& query);

/// Whether a job under `profile` may pull `reference`, which has a tag or a digest: for a pull, and for the base of a
/// build. 403 otherwise. What a job has made itself it may always use.
Result<void> check_pull(const Reference& reference, const Profile& profile);

/// Whether the profile allows anything of the registry `domain`; 403 otherwise, with `field` as what named it.
Result<void> check_registry(const std::string& domain, const Profile& profile, const std::string& field);

}  // namespace rules
