#include "rules/api/endpoints.h"

#include "rules/bodies/bodies.h"

// The API as dockerd's routers register it, and `copy`, which was removed. It is one table, and longer than other files, so that all of it is
// read in one place. A parameter that an engine reads is here even when its published schema does not have it; what only clients know of is
// dropped.
namespace rules {
namespace {

using enum Op;
using enum Kind;
using enum ParamType;
using enum Disposition;

/// A row that engines know from API 1.`minor` on.
constexpr Param since(int minor, Param param)
{
    param.since = {1, minor};
    return param;
}

constexpr Endpoint with(Needs needs, Endpoint row)
{
    row.needs = needs;
    return row;
}
// The operations on networks and images find the object themselves.
constexpr Needs own_lookup{.own_lookup = true};
constexpr Needs room{.adds_image = true};
constexpr Needs quiet{.unrecorded = true};
// Archives of images are asked for and sent in the same way in every version; skopeo before 1.15 does it in 1.22, whatever the engine speaks.
constexpr Needs any_version{.any_version = true};
constexpr Needs no_start_body{.body_refusal = "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"};

constexpr Param filters_only[] = {{"filters", json, check}};

constexpr Param events_params[] = {{"since", text, check}, {"until", text, check}, {"filters", json, check}};
constexpr Param df_params[] = {{"type", text_list, check}, {"verbose", boolean, drop}};

constexpr Param container_list_params[] = {
    {"all", boolean, check},
    {"limit", integer, check},
    {"size", boolean, check},
    {"filters", json, check},
    // Sent by docker-py, read by no engine since API 1.24.
    {"trunc_cmd", boolean, drop},
    {"since", text, drop},
    {"before", text, drop},
};
constexpr Param container_create_params[] = {{"name", text, rewrite}, since(41, {"platform", text, pass})};
constexpr Param container_inspect_params[] = {{"size", boolean, pass}};
constexpr Param container_top_params[] = {{"ps_args", text, check}};
constexpr Param container_logs_params[] = {
    {"follow", boolean, pass}, {"stdout", boolean, pass},     {"stderr", boolean, pass}, {"since", text, pass},
    since(35, {"until", text, pass}), {"timestamps", boolean, pass}, {"tail", text, pass},      {"details", boolean, pass},
    {"format", text, deny, "leave it out: an engine writes logs as JSON only to clients of API 1.54 and newer"},
};
constexpr Param container_stats_params[] = {{"stream", boolean, pass}, since(41, {"one-shot", boolean, pass})};
constexpr Param resize_params[] = {{"h", integer, pass}, {"w", integer, pass}};
constexpr Param container_start_params[] = {
    {"detachKeys", text, pass},
    {"checkpoint", text, deny, "start the container without a checkpoint"},
    {"checkpoint-dir", text, deny, "start the container without a checkpoint"},
};
constexpr Param container_stop_params[] = {{"t", integer, check}, since(42, {"signal", text, pass})};
constexpr Param container_kill_params[] = {{"signal", text, pass}};
constexpr Param container_rename_params[] = {{"name", text, rewrite}};
constexpr Param container_attach_params[] = {
    {"detachKeys", text, pass},
    {"logs", boolean, pass},
    {"stream", boolean, pass},
    {"stdin", boolean, pass},
    {"stdout", boolean, pass},
    {"stderr", boolean, pass},
    // dockerode's own option, which it sends along.
    {"hijack", boolean, drop},
};
constexpr Param container_wait_params[] = {since(30, {"condition", text, pass})};
constexpr Param container_remove_params[] = {
    {"v", boolean, pass},
    {"force", boolean, pass},
    {"link", boolean, deny, "containers have no legacy links here; remove the container itself"},
};
constexpr Param archive_params[] = {{"path", text, pass}};
constexpr Param archive_put_params[] = {
    {"path", text, pass}, {"noOverwriteDirNonDir", boolean, pass}, since(39, {"copyUIDGID", boolean, pass})};

constexpr Param image_list_params[] = {
    {"all", boolean, check},
    {"filters", json, check},
    {"digests", boolean, pass},
    since(42, {"shared-size", boolean, pass}),
    {"filter", text, check},      // a reference, up to API 1.24
    {"only_ids", boolean, drop},  // docker-py's own
    // Manifests tell the ids of other jobs' containers; an engine without the containerd store has none either.
    {"manifests", boolean, drop},
    {"identity", boolean, drop},
};
constexpr Param image_create_params[] = {
    {"fromImage", text, rewrite},
    {"tag", text, rewrite},
    since(32, {"platform", text, pass}),
    {"fromSrc", text, check},
    // Read with fromSrc only.
    {"repo", text, rewrite},
    {"message", text, pass},
    {"changes", text_list, pass},
};
constexpr Param image_inspect_params[] = {{"manifests", boolean, drop}, since(49, {"platform", json, pass})};
constexpr Param image_history_params[] = {since(48, {"platform", json, pass})};
constexpr Param image_get_params[] = {
    since(48, {"platform", json, pass}),
    {"names", text_list, deny, "ask for several images with GET /images/get"},
};
constexpr Param image_get_many_params[] = {{"names", text_list, rewrite}, since(48, {"platform", json, pass})};
constexpr Param image_load_params[] = {{"quiet", boolean, pass}, since(48, {"platform", json, pass})};
constexpr Param image_push_params[] = {{"tag", text, rewrite}, since(46, {"platform", json, pass})};
constexpr Param image_commit_params[] = {
    {"container", text, rewrite}, {"repo", text, rewrite}, {"tag", text, rewrite}, {"comment", text, pass},
    {"author", text, pass},        {"pause", boolean, pass}, {"changes", text_list, pass},
};
constexpr Param image_tag_params[] = {{"repo", text, rewrite}, {"tag", text, rewrite}, {"force", boolean, drop}};
constexpr Param image_remove_params[] = {
    {"force", boolean, pass},
    {"noprune", boolean, pass},
    {"platforms", text_list, deny, "remove the image with all its platforms"},
};

constexpr std::string_view no_buildkit = "POST /build with BuildKit is not open yet; docker buildx build works, and so does DOCKER_BUILDKIT=0 docker build";
constexpr Param build_params[] = {
    {"t", text_list, rewrite},
    {"dockerfile", text, pass},
    since(37, {"target", text, pass}),
    since(34, {"platform", text, pass}),
    {"q", boolean, pass},
    {"nocache", boolean, pass},
    {"pull", boolean, pass},
    since(25, {"squash", boolean, pass}),
    {"isolation", text, pass},
    {"remote", text, deny,
     "the engine would fetch the URL itself; fetch it in the job and send it as the build's context"},
    since(25, {"networkmode", text, rewrite}),
    {"cachefrom", json, check},
    {"buildargs", json, check},
    {"labels", json, check},
    since(28, {"extrahosts", text_list, rewrite}),
    {"ulimits", json, check},
    {"shmsize", integer, check},
    {"memory", integer, check},
    {"memswap", integer, check},
    {"cpushares", integer, check},
    {"cpuperiod", integer, check},
    {"cpuquota", integer, check},
    {"cpusetcpus", text, pass},
    {"cpusetmems", text, pass},
    {"cgroupparent", text, force},
    {"rm", boolean, force},
    {"forcerm", boolean, force},
    {"securityopt", text_list, deny, "a build has no security options; leave it out"},
    {"outputs", json, deny, no_buildkit},
    {"version", text, check, no_buildkit},
    {"buildid", text, drop},
    {"session", text, drop},
};
constexpr Param build_prune_params[] = {
    {"all", boolean, drop},
    {"filters", json, drop},
    {"keep-storage", integer, drop},
    {"reserved-space", integer, drop},
    {"max-used-space", integer, drop},
    {"min-free-space", integer, drop},
};

// `verbose` adds what a swarm knows.
constexpr Param network_inspect_params[] = {{"verbose", boolean, drop}, since(31, {"scope", text, pass})};
constexpr Param volume_remove_params[] = {since(25, {"force", boolean, pass})};
constexpr Param plugin_list_params[] = {{"filters", json, drop}};

// Of a row with a rule the message is the way out.
constexpr Closed absent = {404, "page not found"};
constexpr Closed hidden = {404, "page not found", "closed"};
constexpr Closed no_build = {404, "no such build"};
constexpr Closed no_swarm = {503,
                             "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
                             "connect this node to swarm and try again."};
constexpr Closed swarm_closed = {
    403, "swarm mode is closed to jobs; run the services as containers, for example with docker compose",
    "closed"};
// A job has none: `docker inspect` looks for one last, and goes by the status.
constexpr Closed no_plugin = {404, "plugin not found"};
constexpr Closed plugins_closed = {
    403, "plugins are closed to jobs, since a plugin is root on the host; ask the host's operator to install it",
    "closed"};
constexpr Closed checkpoints_closed = {403, "checkpoints are closed to jobs; start the container anew",
                                       "closed"};
constexpr Closed websocket_closed = {
    403, "attaching over WebSocket is not open; use POST /containers/{id}/attach", "closed"};
constexpr Closed search_closed = {
    403, "searching a registry through the engine is closed; use the registry's own page or API", "closed"};
constexpr Closed attestations_closed = {403, "attestations are closed to jobs; read them from the registry",
                                        "closed"};
constexpr Closed volume_closed = {
    403, "updating a volume is closed to jobs, since it concerns cluster volumes only; create a new volume",
    "closed"};

constexpr auto get = Method::get;
constexpr auto head = Method::head;
constexpr auto post = Method::post;
constexpr auto put = Method::put;
constexpr auto del = Method::del;
constexpr auto no_body = Body::none;
constexpr auto json_body = Body::json;
constexpr auto byte_body = Body::stream;
constexpr auto plain = Reply::plain;
constexpr auto stream = Reply::stream;
constexpr auto hijack = Reply::hijack;

constexpr Endpoint closed(Op op, std::string_view name, Method method, std::string_view path, Closed answer)
{
    return {op, name, method, path, none, no_body, plain, {}, nullptr, answer};
}

// clang-format off
constexpr Endpoint table[] = {
    {system_ping_head, "system.ping_head", head, "/_ping", none, no_body, plain, {}},
    {system_ping, "system.ping", get, "/_ping", none, no_body, plain, {}},
    {system_version, "system.version", get, "/version", none, no_body, plain, {}},
    {system_info, "system.info", get, "/info", none, no_body, plain, {}},
    {system_events, "system.events", get, "/events", none, no_body, stream, events_params},
    {system_df, "system.df", get, "/system/df", none, no_body, plain, df_params},
    {system_auth, "system.auth", post, "/auth", none, json_body, plain, {}, &auth_schema},
    {system_options, "system.options", Method::options, "/{id}", none, no_body, plain, {}},

    closed(debug_vars, "debug.vars", get, "/debug/vars", hidden),
    closed(debug_pprof, "debug.pprof", get, "/debug/pprof/", hidden),
    closed(debug_pprof_cmdline, "debug.pprof_cmdline", get, "/debug/pprof/cmdline", hidden),
    closed(debug_pprof_profile, "debug.pprof_profile", get, "/debug/pprof/profile", hidden),
    closed(debug_pprof_symbol, "debug.pprof_symbol", get, "/debug/pprof/symbol", hidden),
    closed(debug_pprof_trace, "debug.pprof_trace", get, "/debug/pprof/trace", hidden),
    closed(debug_pprof_name, "debug.pprof_name", get, "/debug/pprof/{id}", hidden),

    {container_list, "container.list", get, "/containers/json", none, no_body, plain, container_list_params},
    {container_create, "container.create", post, "/containers/create", none, json_body, plain, container_create_params, &container_create_schema},
    {container_inspect, "container.inspect", get, "/containers/{id}/json", container, no_body, plain, container_inspect_params},
    {container_top, "container.top", get, "/containers/{id}/top", container, no_body, plain, container_top_params},
    {container_logs, "container.logs", get, "/containers/{id}/logs", container, no_body, stream, container_logs_params},
    {container_changes, "container.changes", get, "/containers/{id}/changes", container, no_body, plain, {}},
    {container_export, "container.export", get, "/containers/{id}/export", container, no_body, stream, {}},
    {container_stats, "container.stats", get, "/containers/{id}/stats", container, no_body, stream, container_stats_params},
    with(quiet, {container_resize, "container.resize", post, "/containers/{id}/resize", container, no_body, plain, resize_params}),
    with(no_start_body, {container_start, "container.start", post, "/containers/{id}/start", container, no_body, plain, container_start_params}),
    {container_stop, "container.stop", post, "/containers/{id}/stop", container, no_body, plain, container_stop_params},
    {container_restart, "container.restart", post, "/containers/{id}/restart", container, no_body, plain, container_stop_params},
    {container_kill, "container.kill", post, "/containers/{id}/kill", container, no_body, plain, container_kill_params},
    {container_update, "container.update", post, "/containers/{id}/update", container, json_body, plain, {}, &container_update_schema},
    {container_rename, "container.rename", post, "/containers/{id}/rename", container, no_body, plain, container_rename_params},
    {container_pause, "container.pause", post, "/containers/{id}/pause", container, no_body, plain, {}},
    {container_unpause, "container.unpause", post, "/containers/{id}/unpause", container, no_body, plain, {}},
    {container_attach, "container.attach", post, "/containers/{id}/attach", container, no_body, hijack, container_attach_params},
    closed(container_attach_ws, "container.attach_ws", get, "/containers/{id}/attach/ws", websocket_closed),
    with(quiet, {container_wait, "container.wait", post, "/containers/{id}/wait", container, no_body, Reply::wait, container_wait_params}),
    {container_remove, "container.remove", del, "/containers/{id}", container, no_body, plain, container_remove_params},
    {container_archive_head, "container.archive_head", head, "/containers/{id}/archive", container, no_body, plain, archive_params},
    {container_archive_get, "container.archive_get", get, "/containers/{id}/archive", container, no_body, stream, archive_params},
    {container_archive_put, "container.archive_put", put, "/containers/{id}/archive", container, byte_body, plain, archive_put_params},
    {container_prune, "container.prune", post, "/containers/prune", none, no_body, plain, filters_only},
    closed(container_copy, "container.copy", post, "/containers/{id}/copy", absent),

    closed(checkpoint_list, "checkpoint.list", get, "/containers/{id}/checkpoints", checkpoints_closed),
    closed(checkpoint_create, "checkpoint.create", post, "/containers/{id}/checkpoints", checkpoints_closed),
    closed(checkpoint_remove, "checkpoint.remove", del, "/containers/{id}/checkpoints/{checkpoint}", checkpoints_closed),

    {exec_create, "exec.create", post, "/containers/{id}/exec", container, json_body, plain, {}, &exec_create_schema},
    {exec_start, "exec.start", post, "/exec/{id}/start", exec, json_body, hijack, {}, &exec_start_schema},
    with(quiet, {exec_resize, "exec.resize", post, "/exec/{id}/resize", exec, no_body, plain, resize_params}),
    {exec_inspect, "exec.inspect", get, "/exec/{id}/json", exec, no_body, plain, {}},

    {image_list, "image.list", get, "/images/json", none, no_body, plain, image_list_params},
    with(room, {image_create, "image.create", post, "/images/create", none, byte_body, stream, image_create_params}),
    with(own_lookup, {image_inspect, "image.inspect", get, "/images/{id}/json", image, no_body, plain, image_inspect_params}),
    with(own_lookup, {image_history, "image.history", get, "/images/{id}/history", image, no_body, plain, image_history_params}),
    closed(image_attestations, "image.attestations", get, "/images/{id}/attestations", attestations_closed),
    with({.own_lookup = true, .any_version = true}, {image_get, "image.get", get, "/images/{id}/get", image, no_body, stream, image_get_params}),
    with(any_version, {image_get_many, "image.get_many", get, "/images/get", none, no_body, stream, image_get_many_params}),
    with({.adds_image = true, .any_version = true}, {image_load, "image.load", post, "/images/load", none, byte_body, stream, image_load_params}),
    with(own_lookup, {image_push, "image.push", post, "/images/{id}/push", image, no_body, stream, image_push_params}),
    with({.own_lookup = true, .adds_image = true}, {image_tag, "image.tag", post, "/images/{id}/tag", image, no_body, plain, image_tag_params}),
    with(own_lookup, {image_remove, "image.remove", del, "/images/{id}", image, no_body, plain, image_remove_params}),
    closed(image_search, "image.search", get, "/images/search", search_closed),
    {image_prune, "image.prune", post, "/images/prune", none, no_body, plain, filters_only},
    with(room, {image_commit, "image.commit", post, "/commit", none, json_body, plain, image_commit_params, &commit_schema}),
    with(own_lookup, {distribution_inspect, "distribution.inspect", get, "/distribution/{id}/json", image, no_body, plain, {}}),

    with(room, {build, "build", post, "/build", none, byte_body, stream, build_params}),
    {build_prune, "build.prune", post, "/build/prune", none, no_body, plain, build_prune_params},
    closed(build_cancel, "build.cancel", post, "/build/cancel", no_build),
    with(quiet, {session, "session", post, "/session", none, no_body, hijack, {}}),
    with(quiet, {grpc, "grpc", post, "/grpc", none, no_body, hijack, {}}),

    {network_list, "network.list", get, "/networks", none, no_body, plain, filters_only},
    {network_list_slash, "network.list_slash", get, "/networks/", none, no_body, plain, filters_only},
    with(own_lookup, {network_inspect, "network.inspect", get, "/networks/{id}", network, no_body, plain, network_inspect_params}),
    {network_create, "network.create", post, "/networks/create", none, json_body, plain, {}, &network_create_schema},
    with(own_lookup, {network_connect, "network.connect", post, "/networks/{id}/connect", network, json_body, plain, {}, &network_connect_schema}),
    with(own_lookup, {network_disconnect, "network.disconnect", post, "/networks/{id}/disconnect", network, json_body, plain, {}, &network_disconnect_schema}),
    with(own_lookup, {network_remove, "network.remove", del, "/networks/{id}", network, no_body, plain, {}}),
    {network_prune, "network.prune", post, "/networks/prune", none, no_body, plain, filters_only},

    {volume_list, "volume.list", get, "/volumes", none, no_body, plain, filters_only},
    {volume_inspect, "volume.inspect", get, "/volumes/{id}", volume, no_body, plain, {}},
    {volume_create, "volume.create", post, "/volumes/create", none, json_body, plain, {}, &volume_create_schema},
    closed(volume_update, "volume.update", put, "/volumes/{id}", volume_closed),
    with(own_lookup, {volume_remove, "volume.remove", del, "/volumes/{id}", volume, no_body, plain, volume_remove_params}),
    {volume_prune, "volume.prune", post, "/volumes/prune", none, no_body, plain, filters_only},

    {plugin_list, "plugin.list", get, "/plugins", none, no_body, plain, plugin_list_params},
    closed(plugin_privileges, "plugin.privileges", get, "/plugins/privileges", plugins_closed),
    closed(plugin_inspect, "plugin.inspect", get, "/plugins/{id}/json", no_plugin),
    closed(plugin_pull, "plugin.pull", post, "/plugins/pull", plugins_closed),
    closed(plugin_create, "plugin.create", post, "/plugins/create", plugins_closed),
    closed(plugin_enable, "plugin.enable", post, "/plugins/{id}/enable", plugins_closed),
    closed(plugin_disable, "plugin.disable", post, "/plugins/{id}/disable", plugins_closed),
    closed(plugin_push, "plugin.push", post, "/plugins/{id}/push", plugins_closed),
    closed(plugin_set, "plugin.set", post, "/plugins/{id}/set", plugins_closed),
    closed(plugin_upgrade, "plugin.upgrade", post, "/plugins/{id}/upgrade", plugins_closed),
    closed(plugin_remove, "plugin.remove", del, "/plugins/{id}", plugins_closed),

    closed(swarm_inspect, "swarm.inspect", get, "/swarm", no_swarm),
    closed(swarm_init, "swarm.init", post, "/swarm/init", swarm_closed),
    closed(swarm_join, "swarm.join", post, "/swarm/join", swarm_closed),
    closed(swarm_leave, "swarm.leave", post, "/swarm/leave", swarm_closed),
    closed(swarm_update, "swarm.update", post, "/swarm/update", no_swarm),
    closed(swarm_unlock_key, "swarm.unlock_key", get, "/swarm/unlockkey", no_swarm),
    closed(swarm_unlock, "swarm.unlock", post, "/swarm/unlock", swarm_closed),

    closed(node_list, "node.list", get, "/nodes", no_swarm),
    closed(node_inspect, "node.inspect", get, "/nodes/{id}", no_swarm),
    closed(node_remove, "node.remove", del, "/nodes/{id}", no_swarm),
    closed(node_update, "node.update", post, "/nodes/{id}/update", no_swarm),

    closed(service_list, "service.list", get, "/services", no_swarm),
    closed(service_create, "service.create", post, "/services/create", no_swarm),
    closed(service_inspect, "service.inspect", get, "/services/{id}", no_swarm),
    closed(service_remove, "service.remove", del, "/services/{id}", no_swarm),
    closed(service_update, "service.update", post, "/services/{id}/update", no_swarm),
    closed(service_logs, "service.logs", get, "/services/{id}/logs", no_swarm),

    closed(task_list, "task.list", get, "/tasks", no_swarm),
    closed(task_inspect, "task.inspect", get, "/tasks/{id}", no_swarm),
    closed(task_logs, "task.logs", get, "/tasks/{id}/logs", no_swarm),

    closed(secret_list, "secret.list", get, "/secrets", no_swarm),
    closed(secret_create, "secret.create", post, "/secrets/create", no_swarm),
    closed(secret_inspect, "secret.inspect", get, "/secrets/{id}", no_swarm),
    closed(secret_remove, "secret.remove", del, "/secrets/{id}", no_swarm),
    closed(secret_update, "secret.update", post, "/secrets/{id}/update", no_swarm),

    closed(config_list, "config.list", get, "/configs", no_swarm),
    closed(config_create, "config.create", post, "/configs/create", no_swarm),
    closed(config_inspect, "config.inspect", get, "/configs/{id}", no_swarm),
    closed(config_remove, "config.remove", del, "/configs/{id}", no_swarm),
    closed(config_update, "config.update", post, "/configs/{id}/update", no_swarm),
};
// clang-format on

static_assert(std::size(table) == static_cast<std::size_t>(Op::count), "every operation has its row");

constexpr bool in_order()
{
    for (std::size_t at = 0; at < std::size(table); ++at)
        if (static_cast<std::size_t>(table[at].op) != at) return false;
    return true;
}
static_assert(in_order(), "every row stands at its operation's place");

}  // namespace

std::string_view method_name(Method method)
{
    constexpr std::string_view names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
    return names[static_cast<std::size_t>(method)];
}

std::span<const Endpoint> endpoints()
{
    return table;
}

const Endpoint& endpoint(Op op)
{
    return table[static_cast<std::size_t>(op)];
}

}  // namespace rules
