#include "rules/policy/endpoint_policy.h"

#include <algorithm>

#include "rules/glob.h"
#include "rules/units.h"

namespace rules {
namespace {

constexpr const char* another_profile = "ask the operator for a profile that allows it";

struct Switch {
    Op op;
    bool Profile::* open;
    std::string_view knob;
};
constexpr Switch switches[] = {
    {Op::image_push, &Profile::image_push, "images.push"},
    {Op::image_commit, &Profile::image_commit, "images.commit"},
    {Op::image_load, &Profile::image_load, "images.load"},
    {Op::image_get, &Profile::image_export, "images.export"},
    {Op::image_get_many, &Profile::image_export, "images.export"},
    {Op::container_export, &Profile::image_export, "images.export"},
    {Op::build, &Profile::build_allowed, "build.allowed"},
    {Op::exec_create, &Profile::exec_allowed, "exec.allowed"},
    {Op::exec_start, &Profile::exec_allowed, "exec.allowed"},
};

struct Limit {
    Kind kind;
    std::int64_t Profile::* most;
    std::string_view knob;
    std::string_view way_out;
};
constexpr Limit limits[] = {
    {Kind::container, &Profile::job_containers, "limits.job.containers",
     "remove containers that are not needed any more"},
    {Kind::network, &Profile::job_networks, "limits.job.networks", "remove networks that are not needed any more"},
    {Kind::volume, &Profile::job_volumes, "limits.job.volumes", "remove volumes that are not needed any more"},
    {Kind::exec, &Profile::job_execs, "limits.job.execs", "remove containers whose execs have ended"},
    {Kind::image, &Profile::job_images, "limits.job.images", "remove images that are not needed any more"},
};

}  // namespace

Result<void> check_endpoint(const Route& route, const Profile& profile)
{
    const Endpoint& row = *route.endpoint;
    const std::string name(row.name);
    if (matches_any(profile.endpoints_closed, row.name)) return denied("endpoints.closed", name, "", another_profile);
    for (const Switch& each : switches)
        if (each.op == row.op && !(profile.*each.open))
            return denied(std::string(each.knob), name, "", another_profile);
    if (row.op == Op::image_create && route.query.get("fromImage").empty() && !profile.image_import)
        return denied("images.import", "fromSrc", std::string(route.query.get("fromSrc")), another_profile);
    return {};
}

Versions versions_under(Versions engine, const Profile& profile)
{
    if (const auto most = parse_version(profile.api_version_max)) engine.newest = std::min(engine.newest, *most);
    if (const auto least = parse_version(profile.api_version_min)) engine.oldest = std::max(engine.oldest, *least);
    return engine;
}

Result<void> check_image_bytes(std::int64_t bytes, const Profile& profile)
{
    if (profile.job_image_bytes == 0 || bytes < profile.job_image_bytes) return {};
    return denied("limits.job.image_bytes", "image", std::to_string(bytes),
                  "remove images that are not needed any more; those of a job have at most " +
                      std::to_string(profile.job_image_bytes) + " bytes");
}

Result<void> check_streams(std::size_t count, const Profile& profile)
{
    if (count < static_cast<std::size_t>(profile.job_streams)) return {};
    auto refused = denied(
        "limits.job.streams", "stream", std::to_string(count),
        "end requests that follow events, logs or containers; a job has at most " + std::to_string(profile.job_streams) + " of them at a time");
    refused.value().status = 429;
    return refused;
}

Result<void> check_count(Kind kind, std::size_t count, const Profile& profile)
{
    for (const Limit& each : limits) {
        const std::int64_t most = profile.*each.most;
        if (each.kind == kind && most > 0 && count >= static_cast<std::size_t>(most))
            return denied(std::string(each.knob), std::string(kind_name(kind)), std::to_string(count),
                          std::string(each.way_out) + "; a job has at most " + std::to_string(most));
    }
    return {};
}

}  // namespace rules
