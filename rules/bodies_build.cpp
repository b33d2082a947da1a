#include "rules/bodies_parts.h"

// What the RUN containers of the classic builder may take of the host: the same as any container.
namespace rules {

Result<Json> judge_build_limits(const Json& limits, const Profile& profile)
{
    const Result<Json> admitted = admit({{"HostConfig", limits}}, container_create_schema);
    if (!admitted) return admitted;
    const Json& host = section(*admitted, "HostConfig");
    if (const Result<void> judged = judge_resources(host, "HostConfig.", profile); !judged) return tl::unexpected(judged.error());
    if (const std::int64_t size = integer(host, "ShmSize"); size > profile.shm_max)
        return denied("shm-size", "HostConfig.ShmSize", std::to_string(size), "give at most " + std::to_string(profile.shm_max) + " bytes");
    return host;
}

}  // namespace rules
