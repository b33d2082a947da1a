#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/json.h"
#include "rules/result.h"

// A job speaks of its own paths. Here they become a root (a directory of the host, a volume) and a path beneath it;
// what is done so that nothing leaves the root is in docs/paths.md.
namespace rules {

/// What the job has at `target` of its own file system.
struct PathMount {
    enum class Root {
        host,    ///< `source` is a directory or file of the host
        volume,  ///< `source` is the engine's name of a volume
        closed,  ///< nothing that another container can be given: a tmpfs, an image, what belongs to the host
    };
    std::string target;  ///< absolute and clean
    Root root = Root::closed;
    std::string source = {};
    std::string directory = {};  ///< where the root is on the host
    std::string within = {};     ///< path beneath the root; empty: the root itself
    bool read_only = false;
};

/// The job's world of paths.
struct JobPaths {
    std::vector<PathMount> mounts;
    std::string anchor = {};       ///< full id of the job's own container; empty when it has none
    std::string anchor_name = {};  ///< without the leading `/`
    std::string door = {};     ///< where a process of the host finds the job's docker.sock, as DOCKER_HOST tells it
};

/// Where a path of the job is.
struct ResolvedPath {
    PathMount::Root root;
    std::string source;
    std::string directory;
    std::string subpath;  ///< without `..` and without a leading `/`; empty: the root itself
    bool read_only = false;

    /// On the host, if no link is in the way.
    std::string host_path() const { return subpath.empty() ? directory : directory + "/" + subpath; }
};

/// How the engine is told to mount a place: a volume and a path beneath it, or a path of the host that only berth can
/// change.
struct Pin {
    std::string volume = {};  ///< the engine's name; empty: `path` is of the host
    std::string path = {};    ///< of the host, or beneath the volume
    bool read_only = false;
};
using Pins = std::map<std::string, Pin>;  ///< by the job's clean path

/// Go's path.Clean for an absolute path: no `//`, `.` and `..`, which ends at the root, and no `/` at the end.
std::string clean_absolute(std::string_view path);
/// True when `path` is `root` or lies beneath it, by whole components. Both clean.
bool is_within(std::string_view path, std::string_view root);
/// Control characters and backslashes have no place in a path that is bound.
bool is_plain_path(std::string_view path);

/// What a container has mounted, by its inspect; directories of the host that overlap one of `private_paths` are
/// closed.
std::vector<PathMount> mounts_of_container(const Json& inspect, const std::vector<std::string>& private_paths);
/// The host's directory `directory`, under that very name.
std::vector<PathMount> mounts_of_workspace(const std::string& directory, const std::vector<std::string>& private_paths);

/// Where the job's `path`, clean, is: the mount with the longest target decides. 403 with the paths that would work;
/// `field` and `asked` are the request's.
Result<ResolvedPath> resolve_path(const std::string& path, const JobPaths& paths, const std::string& field,
                       const std::string& asked);

/// Targets of mounts beneath `path` that a container gets too which binds `path`: Docker's binds are recursive.
std::vector<std::string> mounts_beneath(const std::string& path, const JobPaths& paths);

/// True for the anchor's name, or its id, or the beginning of its id: at least 12 digits, as the hostname has.
bool is_anchor(std::string_view reference, const JobPaths& paths);

}  // namespace rules
