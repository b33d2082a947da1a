#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "rules/model.h"
#include "rules/schema.h"

namespace rules {

enum class Method : std::uint8_t { get, head, post, put, del, options };

std::string_view method_name(Method method);

/// How a request's body is read: none is allowed, JSON that passes `schema`, or bytes that are relayed (a tar).
enum class Body : std::uint8_t { none, json, stream };
/// How the answer comes: framed and short; without end; late (headers at once, body when something ends); raw after an upgrade.
enum class Reply : std::uint8_t { plain, stream, wait, hijack };

enum class ParamType : std::uint8_t { text, boolean, integer, text_list, json };

struct Param {
    std::string_view name;
    ParamType type;
    Disposition disposition;
    std::string_view way_out = {};  ///< of deny
    Version since = {};             ///< engines of an older API do not honour it, nor say so
};

/// What a row that is not open answers.
struct Closed {
    int status = 0;  ///< 0: the row is open
    std::string_view message = {};  ///< dockerd's words; of a 403 what the user can do instead
    std::string_view rule = {};     ///< recorded as a refusal when set
};

/// Every operation of the Docker Engine API, one row each, in the table's order.
enum class Op : std::uint8_t {
    // clang-format off
    system_ping_head, system_ping, system_version, system_info, system_events, system_df, system_auth, system_options,
    debug_vars, debug_pprof, debug_pprof_cmdline, debug_pprof_profile, debug_pprof_symbol, debug_pprof_trace, debug_pprof_name,
    container_list, container_create, container_inspect, container_top, container_logs, container_changes, container_export,
    container_stats, container_resize, container_start, container_stop, container_restart, container_kill, container_update,
    container_rename, container_pause, container_unpause, container_attach, container_attach_ws, container_wait, container_remove,
    container_archive_head, container_archive_get, container_archive_put, container_prune, container_copy,
    checkpoint_list, checkpoint_create, checkpoint_remove,
    exec_create, exec_start, exec_resize, exec_inspect,
    image_list, image_create, image_inspect, image_history, image_attestations, image_get, image_get_many, image_load, image_push,
    image_tag, image_remove, image_search, image_prune, image_commit, distribution_inspect,
    build, build_prune, build_cancel, session, grpc,
    network_list, network_list_slash, network_inspect, network_create, network_connect, network_disconnect, network_remove, network_prune,
    volume_list, volume_inspect, volume_create, volume_update, volume_remove, volume_prune,
    plugin_list, plugin_privileges, plugin_inspect, plugin_pull, plugin_create, plugin_enable, plugin_disable, plugin_push, plugin_set,
    plugin_upgrade, plugin_remove,
    swarm_inspect, swarm_init, swarm_join, swarm_leave, swarm_update, swarm_unlock_key, swarm_unlock,
    node_list, node_inspect, node_remove, node_update,
    service_list, service_create, service_inspect, service_remove, service_update, service_logs,
    task_list, task_inspect, task_logs,
    secret_list, secret_create, secret_inspect, secret_remove, secret_update,
    config_list, config_create, config_inspect, config_remove, config_update,
    count
    // clang-format on
};

/// What a row needs of whoever serves it, besides what its body and its answer are.
struct Needs {
    bool own_lookup = false;   ///< its operation finds the object of `{id}` itself, under a lock or with an error of its own
    bool adds_image = false;         ///< it gives the job an image more
    bool unrecorded = false;        ///< in spite of its method it changes nothing, and comes often
    bool any_version = false;  ///< answered in the oldest version also to clients of one before that
    std::string_view body_refusal = {};  ///< dockerd's answer to a body that says something, of a row without one
};

/// One row: facts and choices about an operation, never code that does I/O.
struct Endpoint {
    Op op;
    std::string_view name;  ///< `container.create`: in the ledger, in logs, in messages
    Method method;
    std::string_view path;  ///< behind `/vX.Y`; `{id}` stands for the object
    Kind kind;              ///< what `{id}` is
    Body body;
    Reply reply;
    std::span<const Param> params;
    const Schema* schema = nullptr;  ///< of a JSON body
    Closed closed = {};
    Needs needs = {};
};

std::span<const Endpoint> endpoints();
const Endpoint& endpoint(Op op);

}  // namespace rules
