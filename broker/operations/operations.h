#pragma once

#include <functional>

#include "broker/exchange/call.h"
#include "broker/exchange/relay_lines.h"
#include "rules/names/reference.h"

namespace broker {

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
Task<> stop_container(Call& call);
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
Task<> inspect_distribution(Call& call);
Task<> inspect_image(Call& call);
Task<> history_of_image(Call& call);
Task<> tag_image(Call& call);
Task<> remove_image(Call& call);
Task<> prune_images(Call& call);
Task<> import_image(Call& call);
Task<> commit_container(Call& call);
Task<> push_image(Call& call);
Task<> load_images(Call& call);
Task<> save_images(Call& call);
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

class ArchiveWriter;
class Spool;
/// Takes in the body of `call`, an archive of any size up to spool_max.
Task<> receive_archive(Call& call, Spool& spool);
/// Writes `archive` to the engine as the chunked body of the request whose head was sent.
Task<> send_archive(Upstream& upstream, ArchiveWriter& archive);

/// The job may have one more object of `kind`; else the request ends. Asked last before the intent is recorded.
void check_room(Call& call, rules::Kind kind, std::size_t more = 1);
/// The same for an image more by what the job's images take together.
Task<> check_room_for_bytes(Call& call);

/// The engine's containers of this job: every one, in any state, newest first.
Task<> for_containers(Call& call, bool with_size, std::function<void(rules::Json)> each);
/// Makes the job's own `bridge` when it is not there yet; afterwards `job.gateway` is known.
Task<> ensure_default_network(Call& call);
/// Makes the named volume `name` when the job does not have it yet.
Task<> ensure_volume(Call& call, const std::string& name);
/// Gives the job the image `id` as `name` (familiar, with a tag or a digest): recorded, and held on the engine under the job's own
/// reference. An image that loses its last name by this stays the job's without one.
Task<> keep_image(Call& call, const std::string& name, const std::string& id, db::Origin origin);
/// The job's images under each of its tags of `repository`.
std::vector<rules::Named> tags_of_repository(Call& call, const std::string& repository);
/// 400 when the image `id` has as many names in the job as one may have.
rules::Result<void> check_names(const Objects& objects, const std::string& id);
/// Records the image `id` as the job's without a name, and holds it on the engine. Under the job's lock on names.
Task<> hold_nameless(Call& call, const std::string& id);
/// True when another row of the job has the image of `row` as well.
bool is_held_otherwise(const Objects& objects, const db::Object& row);
/// The row goes, and the reference that held its image for the job; the engine's answer.
Task<Answer> release_image(Call& call, const db::Object& image);
/// An image that has a name in the job need not be held without one any longer.
Task<> drop_nameless(Call& call, std::string id);
/// Before a request that can move the tags `names` of the job, all of them: keeps the images that no other name would hold, by references
/// without a name.
Task<> hold_before_move(Call& call, std::vector<std::string> names);
/// Makes the volume that stands for the host's `directory`, which the job's paths lie beneath; its real name. The job does not see it.
Task<std::string> ensure_root_volume(Call& call, std::string directory);

/// Pins of a container that is being made; let go unless it came to be.
struct HeldPins {
    HeldPins() = default;
    HeldPins(const HeldPins&) = delete;
    HeldPins& operator=(const HeldPins&) = delete;
    ~HeldPins();

    std::vector<std::filesystem::path> entries;
};
/// How the engine mounts `paths` (rules::ContainerNeeds); what is missing is made where that is wanted.
Task<rules::Pins> pin_paths(Call& call, const std::map<std::string, bool>& paths, HeldPins& held);
/// The API version in which a container with `pins` is made: an older one ignores a path beneath a volume, and mounts the whole volume.
rules::Version create_version(const rules::Pins& pins, rules::Version asked);
/// Pulls `reference`, which has a tag or a digest, with the credentials `auth` (X-Registry-Auth), and records it as the job's. False when
/// the engine could not: its last line says why.
Task<bool> pull_for(Call& call, const rules::Reference& reference, const std::string& platform, const std::string& auth, const LineSink& sink);
/// The name of a container: as it is asked for, 409 when another has it, else one that is made up.
Task<std::string> free_name(Call& call, std::string_view asked);
/// Removes a container, its row and those of its execs.
Task<Answer> remove_container_by_id(Call& call, const std::string& id, bool force, bool volumes);

/// After the engine made something and it was recorded: when the job has ended meanwhile (it did not wait any longer), `removal` takes
/// it away again and the request ends. Else nothing.
Task<> unmake_after_end(Call& call, EngineRequest removal);

/// An intended row of `name` whose request lost the engine's answer: the engine says whether the object is there. Afterwards the row is
/// live, or gone and the name free.
Task<> resolve_intended(Call& call, rules::Kind kind, const std::string& name);

/// Marks an intended row as one that a request is at, for as long as this lives.
class Pending {
public:
    Pending(Job& job, std::int64_t row) : job_(job), row_(row) { job_.pending.insert(row_); }
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    ~Pending() { job_.pending.erase(row_); }

private:
    Job& job_;
    std::int64_t row_;
};

/// While the answer of the engine is being recorded the connection is not cut, even when the job ends.
class Recording {
public:
    explicit Recording(Connection& connection) : connection_(connection) { ++connection_.making; }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    ~Recording() { --connection_.making; }

private:
    Connection& connection_;
};

/// The same for an exchange that makes or removes something. A request that came in before the job's end and gets here after it would
/// make what no reap sees: it ends here.
class Making {
public:
    explicit Making(Call& call) : recording_(admitted(call)) {}

private:
    static Connection& admitted(Call& call)
    {
        if (!call.job.open()) throw Refused{{503, "berth: the job has ended"}};
        return call.connection;
    }

    Recording recording_;
};

}  // namespace broker
