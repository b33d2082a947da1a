#include <algorithm>

#include "rules/bodies_parts.h"

// What the RUN containers of the classic builder may take of the host: the same as any container.
namespace rules {

Result<Json> judge_build_limits(const Json& limits, const Profile& profile)
{
    const Result<Json> admitted = admit({{"HostConfig", limits}}, container_create_schema);
    if (!admitted) return admitted;
    Json host = section(*admitted, "HostConfig");
    if (const Result<void> judged = judge_resources(host, "HostConfig.", profile); !judged) return tl::unexpected(judged.error());
    if (const std::int64_t size = integer(host, "ShmSize"); size > profile.shm_max)
        return denied("limits.container.shm_max", "HostConfig.ShmSize", std::to_string(size),
                      "give at most " + std::to_string(profile.shm_max) + " bytes");
    cap_build_limits(host, profile);
    return host;
}

Result<void> judge_build_network(const std::string& mode, const Profile& profile)
{
    if (mode == "host")
        return denied("host-namespace", "networkmode", mode, "leave --network out, or use --network none");
    const bool is_default = mode.empty() || mode == "default" || mode == "bridge";
    const std::string kind = mode == "none"                   ? "none"
                             : is_default                     ? "default"
                             : mode.starts_with("container:") ? "container"
                                                              : "own";
    if (std::ranges::find(profile.build_networks, kind) != profile.build_networks.end()) return {};
    std::string way_out = "the profile allows builds no network at all";
    if (!profile.build_networks.empty()) way_out = "use one of " + joined(profile.build_networks) + " (--network)";
    return denied("build.networks", "networkmode", mode.empty() ? "default" : mode, way_out);
}

}  // namespace rules
