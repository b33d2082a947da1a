#include <array>

#include "broker/buildkit/buildkit.h"
#include "broker/dispatch/operate.h"
#include "broker/exchange/relay.h"
#include "broker/operations/operations.h"
#include "rules/policy/endpoint_policy.h"

// Which code serves a row. A row that is not named here is forwarded as it stands.
namespace broker {
namespace {

using rules::Op;
using Operation = Task<> (*)(Call&);

constexpr auto operations = [] {
    std::array<Operation, static_cast<std::size_t>(Op::count)> table{};
    const auto set = [&table](Op op, Operation operation) { table[static_cast<std::size_t>(op)] = operation; };
    set(Op::system_ping, ping);
    set(Op::system_ping_head, ping);
    set(Op::system_options, ping);
    set(Op::system_version, version);
    set(Op::system_info, info);
    set(Op::system_df, disk_usage);
    set(Op::system_auth, authenticate);
    set(Op::system_events, events);
    set(Op::container_list, list_containers);
    set(Op::container_create, create_container);
    set(Op::container_inspect, inspect_container);
    set(Op::container_stats, stats_of_container);
    set(Op::container_stop, stop_container);
    set(Op::container_restart, stop_container);
    set(Op::container_update, update_container);
    set(Op::container_rename, rename_container);
    set(Op::container_remove, remove_container);
    set(Op::container_prune, prune_containers);
    set(Op::container_attach, attach_container);
    set(Op::container_archive_put, forward_upload);
    set(Op::exec_create, create_exec);
    set(Op::exec_start, start_exec);
    set(Op::exec_inspect, inspect_exec);
    set(Op::image_list, list_images);
    set(Op::image_create, pull_image);
    set(Op::image_inspect, inspect_image);
    set(Op::distribution_inspect, inspect_distribution);
    set(Op::image_history, history_of_image);
    set(Op::image_get, save_images);
    set(Op::image_get_many, save_images);
    set(Op::image_load, load_images);
    set(Op::image_push, push_image);
    set(Op::image_commit, commit_container);
    set(Op::image_tag, tag_image);
    set(Op::image_remove, remove_image);
    set(Op::image_prune, prune_images);
    set(Op::build, build_image);
    set(Op::build_prune, prune_builds);
    set(Op::grpc, serve_grpc);
    set(Op::session, serve_session);
    set(Op::network_list, list_networks);
    set(Op::network_list_slash, list_networks);
    set(Op::network_inspect, inspect_network);
    set(Op::network_create, create_network);
    set(Op::network_connect, connect_network);
    set(Op::network_disconnect, disconnect_network);
    set(Op::network_remove, remove_network);
    set(Op::network_prune, prune_networks);
    set(Op::volume_list, list_volumes);
    set(Op::volume_inspect, inspect_volume);
    set(Op::volume_create, create_volume);
    set(Op::volume_remove, remove_volume);
    set(Op::volume_prune, prune_volumes);
    set(Op::plugin_list, list_plugins);
    return table;
}();

}  // namespace

/// An operation that makes an image, when the job may have one more.
static Task<> operate_in_room(Call& call, Operation operation)
{
    check_room(call, rules::Kind::image);
    co_await check_room_for_bytes(call);
    co_await operation(call);
}

/// Counts a request whose answer lasts.
class Streaming {
public:
    explicit Streaming(Job& job) : job_(job) { ++job_.streams; }
    Streaming(const Streaming&) = delete;
    Streaming& operator=(const Streaming&) = delete;
    ~Streaming() { --job_.streams; }

private:
    Job& job_;
};

static Task<> operate_streaming(Call& call, Task<> operation)
{
    const std::size_t count = call.job.streams;
    enforce(call, [&](const rules::Profile& profile) { return rules::check_streams(count, profile); });
    const Streaming streaming(call.job);
    co_await std::move(operation);
}

static Task<> operation_of(Call& call)
{
    const rules::Endpoint& row = *call.route.endpoint;
    const Operation own = operations[static_cast<std::size_t>(row.op)];
    const Operation operation = own ? own : forward;
    return row.needs.adds_image ? operate_in_room(call, operation) : operation(call);
}

Task<> operate(Call& call)
{
    if (call.route.endpoint->reply == rules::Reply::plain) return operation_of(call);
    return operate_streaming(call, operation_of(call));
}

}  // namespace broker
