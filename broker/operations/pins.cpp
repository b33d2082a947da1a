#include <algorithm>
#include <system_error>

#include "broker/host/beneath.h"
#include "broker/io/offload.h"
#include "broker/operations/operations.h"
#include "rules/names/names.h"

// The job's own paths in its containers: made when they are missing, and pinned, so that what the engine mounts at any
// later start is what lay beneath the root when the container was made, or lies beneath it then.
namespace broker {
namespace {

using rules::Kind;
using rules::PathMount;
using rules::Pin;
using rules::ResolvedPath;

/// Since then the engine joins a volume and a path beneath it itself, at every start, and never leaves the volume.
constexpr rules::Version subpath_version{1, 45};

Refused refusal_of(const std::system_error& error, const std::string& path)
{
    const int code = error.code().value();
    if (code == ENOENT)
        return {{400, "invalid mount config for type \"bind\": bind source path does not exist: " + path}};
    if (code == EXDEV || code == ELOOP)
        return {rules::denied("binds", "HostConfig.Binds", path,
                              "a link on the way of " + path +
                                  " is absolute or leads out of what the job has there; bind what it points to")
                    .value()};
    if (code == EPERM || code == ENOSYS || code == EINVAL)
        return {{501,
                 "berth: the path " + path +
                     " cannot be bound on this engine, which is older than API 1.45, because berth may not mount (" +
                     error.code().message() + "): use a named volume, or copy files with `docker cp`",
                 {},
                 {},
                 {}}};
    return {{400, "error while creating mount source path '" + path + "': " + error.code().message()}};
}

/// What is at a place, opened on the host.
struct Found {
    File file;
    bool root_is_file = false;
    bool seen = false;  ///< false: a volume whose files are not here
};

Task<Found> find(const std::string& path, const ResolvedPath& place, bool make)
{
    Found found;
    std::optional<std::system_error> failed;
    const auto look = [&] {
        try {
            const File root = open_root(place.directory);
            found.root_is_file = !root.is_directory();
            found.seen = true;
            if (!found.root_is_file)
                found.file =
                    make && !place.read_only ? make_beneath(root, place.subpath) : open_beneath(root, place.subpath);
        } catch (const std::system_error& error) {
            // Another host's or a plugin's volume: the engine will look.
            if (found.seen || place.root != PathMount::Root::volume) failed = error;
        }
    };
    co_await offload(look);
    if (failed) throw refusal_of(*failed, path);
    co_return found;
}

}  // namespace

HeldPins::~HeldPins()
{
    for (const auto& entry : entries) unpin(entry);
}

Task<rules::Pins> pin_paths(Call& call, const std::map<std::string, bool>& paths, HeldPins& held)
{
    Job& job = call.job;
    std::erase_if(job.pins, [&job](const auto& each) {
        if (job.objects.with_id(Kind::container, each.first)) return false;
        for (const auto& entry : each.second) unpin(entry);
        return true;
    });
    const bool joins = call.services.engine.versions().newest >= subpath_version;
    rules::Pins pins;
    for (const auto& [path, make] : paths) {
        const ResolvedPath place = or_refuse(rules::resolve_path(path, job.objects.paths(), "HostConfig", path));
        const Found found = co_await find(path, place, make);
        Pin sent{.read_only = place.read_only};
        if (place.root == PathMount::Root::volume && (joins || place.subpath.empty())) {
            sent.volume = place.source;
            sent.path = place.subpath;
        } else if (found.root_is_file || (place.subpath.empty() && !joins)) {
            sent.path = place.directory;  // the job can put nothing else in the place of a root
        } else if (joins) {
            sent.volume = co_await ensure_root_volume(call, place.directory);
            sent.path = place.subpath;
        } else {
            if (!found.seen) throw refusal_of(std::system_error(EPERM, std::generic_category()), path);
            try {
                held.entries.push_back(pin(found.file, job.pins_directory));
            } catch (const std::system_error& error) {
                throw refusal_of(error, path);
            }
            if (!sees(call.services.engine.address(), held.entries.back()))
                throw refusal_of(std::system_error(EPERM, std::generic_category()), path);
            sent.path = held.entries.back();
        }
        pins.emplace(path, std::move(sent));
    }
    co_return pins;
}

rules::Version create_version(const rules::Pins& pins, rules::Version asked)
{
    const bool joined = std::ranges::any_of(
        pins, [](const auto& each) { return !each.second.volume.empty() && !each.second.path.empty(); });
    return joined ? std::max(asked, subpath_version) : asked;
}

}  // namespace broker
