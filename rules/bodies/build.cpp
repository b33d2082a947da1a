#include <algorithm>
#include <cstdlib>

#include "rules/bodies/parts.h"
#include "rules/names/addresses.h"

// What the RUN containers of the classic builder may take of the host: the same as any container.
namespace rules {

namespace {

constexpr std::pair<const char*, const char*> numbers[] = {{"shmsize", "ShmSize"},
                                                           {"memory", "Memory"},
                                                           {"memswap", "MemorySwap"},
                                                           {"cpuperiod", "CpuPeriod"},
                                                           {"cpuquota", "CpuQuota"}};

}  // namespace

Result<Json> asked_build_limits(const Query& query)
{
    Json limits = Json::object();
    if (const std::string_view text = query.get("ulimits"); !text.empty()) {
        Result<Json> ulimits = parse_json(text);
        if (!ulimits) return ulimits;
        if (!ulimits->is_null()) limits["Ulimits"] = std::move(*ulimits);
    }
    for (const auto& [parameter, field] : numbers)
        if (const std::string number(query.get(parameter)); !number.empty())
            limits[field] = std::strtoll(number.c_str(), nullptr, 10);
    return limits;
}

void write_build_limits(Query& query, const Json& limits)
{
    if (!query.get("ulimits").empty()) query.set("ulimits", limits.value("Ulimits", Json::array()).dump());
    for (const auto& [parameter, field] : numbers) {
        query.erase(parameter);
        if (limits.contains(field)) query.set(parameter, limits[field].dump());
    }
}

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

Json build_hosts(const Query& query)
{
    return query.all("extrahosts");
}

void write_build_hosts(Query& query, const Json& hosts)
{
    query.erase("extrahosts");
    for (const Json& each : hosts) query.add("extrahosts", each.get<std::string>());
}

Result<std::string> judge_build_network(const std::string& mode, const Profile& profile)
{
    if (mode == "host")
        return denied("host-namespace", "networkmode", mode, "leave --network out, or use --network none");
    const bool is_unnamed = mode.empty() || mode == "default";
    const std::string kind = mode == "none"                   ? "none"
                             : is_unnamed || mode == "bridge" ? "default"
                             : shared_container(mode)         ? "container"
                                                              : "own";
    if (std::ranges::find(profile.build_networks, kind) == profile.build_networks.end()) {
        std::string way_out = "the profile allows builds no network at all";
        if (!profile.build_networks.empty()) way_out = "use one of " + joined(profile.build_networks) + " (--network)";
        return denied("build.networks", "networkmode", mode.empty() ? "default" : mode, way_out);
    }
    if (kind == "none" || kind == "container") return mode;
    if (is_everywhere(profile.network_egress)) return is_unnamed ? "bridge" : mode;
    // A build has no --dns: on a network of its own, names that a step asks for are looked up by the host, which is a way out (force_dns).
    // In a container's network it has that container's name servers.
    if (is_unnamed) return "none";
    return denied("networks.egress", "networkmode", mode,
                  "the host would look names up for the steps: leave --network out, which is none, or use --network container:NAME with a running "
                  "container of the job");
}

}  // namespace rules
