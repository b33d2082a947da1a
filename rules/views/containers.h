#pragma once

#include <string>

#include "rules/json.h"
#include "rules/names/lookup.h"
#include "rules/views/views.h"

// Parts of a container that its inspect and its line in the list have in common.
namespace rules {

/// HostConfig.NetworkMode: an id or real name becomes the job's name of the network.
void view_network_mode(Json& host_config, const Lookup& job);
/// NetworkSettings.Networks: the job's networks under their names, `none` and `host`; others are left out.
void view_endpoints(Json& settings, const std::string& container, const Lookup& job);
/// The value of `label_mounts` among a container's labels; anything but an object when there is none.
Json asked_mounts(const Json* labels);
/// Mounts of `holder`. `asked`: the above.
void view_mount_points(Json& holder, const Json& asked, const Lookup& job, const ViewFacts& facts);

}  // namespace rules
