#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "rules/api/filters.h"
#include "rules/json.h"
#include "rules/model.h"
#include "rules/names/lookup.h"

// The engine's answers as one job may see them: virtual names, own labels hidden, host paths and other jobs' traces removed.
// All pure; an answer that does not have the expected shape is nullopt (the broker then answers 502 and passes nothing on).
namespace rules {

/// What the views must know of the job besides its objects.
struct ViewFacts {
    Version version;          ///< of the request
    std::string gateway;      ///< of the job's default network, to which its ports are bound: shown as 0.0.0.0; may be empty
    std::string door;         ///< host path of the job's socket: a bind of it is shown as /var/run/docker.sock

    /// Where berth binds the job's ports: to the job, that is every address. (The host's loopback: by profile, and without a gateway.)
    bool binds_ports_to(std::string_view address) const { return !address.empty() && (address == gateway || address == "127.0.0.1"); }
};

std::optional<Json> view_container(Json inspect, const Lookup& job, const ViewFacts& facts);
/// A whole list, as are the others below (rules/views/list_view.h has the views of their elements).
Result<Json> view_containers(Json list, const Filters& filters, std::size_t limit, const Lookup& job, const ViewFacts& facts,
                             bool up_only = false);
std::optional<Json> view_exec(Json inspect, const Lookup& job);

std::optional<Json> view_network(Json inspect, const Lookup& job, const ViewFacts& facts);
Result<Json> view_networks(Json list, const Filters& filters, const Lookup& job, const ViewFacts& facts);

/// What Docker always has: `host`, `none`, and `bridge` while the job has not made its own. nullopt for every other reference.
std::optional<Json> builtin_network(std::string_view reference, const Lookup& job);

std::optional<Json> view_volume(Json inspect, const Lookup& job);
Result<Json> view_volumes(Json list, const Filters& filters, const std::unordered_set<std::string>& used, const Lookup& job);

std::optional<Json> view_image(Json inspect, const Lookup& job, const ViewFacts& facts);
Result<Json> view_images(Json list, const Filters& filters, bool all, const Lookup& job, const ViewFacts& facts);
std::optional<Json> view_image_history(Json history, const Lookup& job);

/// Lines of a push's answer, without the repositories of the registry in which the engine knew a layer to be: others may have pushed it there.
std::string view_push(std::string_view lines);

/// One event, or nullopt when it is not this job's.
std::optional<Json> view_event(Json event, const Lookup& job);
/// Whether `filters` let through what view_event gave.
bool event_passes(const Json& event, const Filters& filters);

/// Counts are those of the job; what tells of the host (id, labels, proxies, swarm, paths, devices) is blank.
struct Counts {
    std::int64_t running = 0, paused = 0, stopped = 0, images = 0;
};
std::optional<Json> view_info(Json info, const Counts& counts);
std::optional<Json> view_version(Json version, Version oldest, Version newest);

}  // namespace rules
