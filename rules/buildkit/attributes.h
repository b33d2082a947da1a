#pragma once

#include <map>
#include <string>

#include "rules/profile.h"
#include "rules/result.h"

// The attributes of a Dockerfile frontend (BuildKit's frontend/dockerui): one table, and what becomes of each.
namespace rules {

using Attributes = std::map<std::string, std::string>;

/// What berth knows of the job that builds.
struct BuildingJob {
    std::string key;
    std::string space;    ///< of its caches: steps and cache mounts are shared with whoever has the same one
    std::string cgroup;   ///< the parent of its steps' cgroups; empty: the engine's
    std::string gateway;  ///< where it finds what its host publishes for it; empty: it has no address
};

/// The attributes that are sent for those that a client gave. 403 for one that a rule refuses, 400 for one that nobody knows.
Result<Attributes> judge_attributes(const Attributes& asked, const Profile& profile, const BuildingJob& job);

/// The client wants each base to be pulled anew (`--pull`).
bool wants_pull(const Attributes& asked);

/// What the engine calls a session or a build of the job's: no other job's can be meant, whatever the client writes. It has no colon, at which
/// the engine cuts such names.
std::string building_name(const std::string& key, const std::string& name);

}  // namespace rules
