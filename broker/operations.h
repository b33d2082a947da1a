#pragma once

#include "broker/call.h"

namespace broker {

/// Serves the operation of `call`'s row and answers. Throws Refused, Gone, EngineFailure.
Task<> operate(Call& call);

// What a row does beyond `forward`, by object (broker/operations/*.cpp).
Task<> ping(Call& call);
Task<> version(Call& call);
Task<> info(Call& call);
Task<> disk_usage(Call& call);
Task<> authenticate(Call& call);
Task<> events(Call& call);

Task<> list_containers(Call& call);
Task<> create_container(Call& call);
Task<> inspect_container(Call& call);
Task<> stats_of_container(Call& call);
Task<> update_container(Call& call);
Task<> rename_container(Call& call);
Task<> remove_container(Call& call);
Task<> prune_containers(Call& call);
Task<> attach_container(Call& call);

Task<> create_exec(Call& call);
Task<> start_exec(Call& call);
Task<> inspect_exec(Call& call);

Task<> list_images(Call& call);
Task<> pull_image(Call& call);
Task<> inspect_image(Call& call);
Task<> history_of_image(Call& call);
Task<> tag_image(Call& call);
Task<> remove_image(Call& call);
Task<> prune_images(Call& call);
Task<> build_image(Call& call);
Task<> prune_builds(Call& call);

Task<> list_networks(Call& call);
Task<> inspect_network(Call& call);
Task<> create_network(Call& call);
Task<> connect_network(Call& call);
Task<> disconnect_network(Call& call);
Task<> remove_network(Call& call);
Task<> prune_networks(Call& call);

Task<> list_volumes(Call& call);
Task<> inspect_volume(Call& call);
Task<> create_volume(Call& call);
Task<> remove_volume(Call& call);
Task<> prune_volumes(Call& call);

Task<> list_plugins(Call& call);

// What several operations need.

/// The engine's containers of this job: every one, in any state, newest first.
Task<rules::Json> containers_of(Call& call, bool with_size);
/// Makes the job's own `bridge` when it is not there yet; afterwards `job.gateway` is known.
Task<> ensure_default_network(Call& call);
/// Makes the named volume `name` when the job does not have it yet.
Task<> ensure_volume(Call& call, const std::string& name);
/// Records that the job knows the image `id` as `reference`; an image that loses its last name stays the job's by its id.
Task<> record_image(Call& call, std::string reference, std::string id, db::Origin origin);
/// Removes a container, its row and those of its execs.
Task<Answer> remove_container_by_id(Call& call, const std::string& id, bool force, bool volumes);

/// Objects that are being made or removed keep their connection until that is recorded, even when the job ends.
class Making {
public:
    explicit Making(Call& call) : connection_(call.connection) { connection_.making = true; }
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;
    ~Making() { connection_.making = false; }

private:
    Connection& connection_;
};

}  // namespace broker
