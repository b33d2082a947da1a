#pragma once

#include <string>

#include "rules/profile.h"

// The one cgroup under which all containers of a job run, when its profile limits the job as a whole. Everything
// blocks.
namespace broker {

/// How the engine makes cgroups (its info: CgroupDriver, CgroupVersion).
struct CgroupSystem {
    std::string driver;   ///< `cgroupfs`, `systemd` or `none`
    std::string version;  ///< `1` or `2`
};

/// True when `profile` limits the job as a whole.
bool limits_job(const rules::Profile& profile);

/// What the engine is given as CgroupParent.
std::string cgroup_of(const CgroupSystem& system, const std::string& key);

/// Makes it with the limits of `profile`, or sets them again. Throws std::runtime_error.
void make_cgroup(const CgroupSystem& system, const std::string& key, const rules::Profile& profile);

/// Ends what is still in it, which an engine that was killed has forgotten, and removes it; false while something has not ended yet.
bool remove_cgroup(const CgroupSystem& system, const std::string& key);

}  // namespace broker
