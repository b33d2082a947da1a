#include "rules/names/paths.h"

#include <algorithm>

#include "rules/json_parts.h"

namespace rules {
namespace {

using Root = PathMount::Root;

std::string joined(const std::string& front, const std::string& back)
{
    if (front.empty() || back.empty()) return front + back;
    return front + "/" + back;
}

/// What is behind `root` in `path`, which is within it.
std::string rest_of(std::string_view path, std::string_view root)
{
    path.remove_prefix(root.size());
    while (path.starts_with('/')) path.remove_prefix(1);
    return std::string(path);
}

bool is_private(const std::string& directory, const std::vector<std::string>& private_paths)
{
    if (directory == "/") return true;
    for (const char* kernel : {"/proc", "/sys", "/dev"})
        if (is_within(directory, kernel)) return true;
    return std::ranges::any_of(private_paths, [&](const std::string& each) {
        return is_within(directory, each) || is_within(each, directory);
    });
}

/// A volume that the container has in part only (VolumeOptions.Subpath) is given on in part only.
std::string subpath_of_volume(const Json& inspect, const std::string& target)
{
    const Json* host = parts::at(inspect, "HostConfig");
    const Json* mounts = host ? parts::at(*host, "Mounts") : nullptr;
    if (!mounts || !mounts->is_array()) return {};
    for (const Json& each : *mounts) {
        if (clean_absolute(parts::text_or_empty(each, "Target")) != target) continue;
        const Json* options = parts::at(each, "VolumeOptions");
        return options ? rest_of(clean_absolute(parts::text_or_empty(*options, "Subpath")), "/") : std::string();
    }
    return {};
}

PathMount mount_of(const Json& point, const Json& inspect, const std::vector<std::string>& private_paths)
{
    PathMount mount;
    mount.target = clean_absolute(parts::text_or_empty(point, "Destination"));
    mount.directory = clean_absolute(parts::text_or_empty(point, "Source"));
    const Json* writable = parts::at(point, "RW");
    mount.read_only = !writable || *writable != true;
    const std::string type = parts::text_or_empty(point, "Type");
    if (type == "volume") {
        mount.root = Root::volume;
        mount.source = parts::text_or_empty(point, "Name");
        mount.within = subpath_of_volume(inspect, mount.target);
    } else if (type == "bind" && !is_private(mount.directory, private_paths)) {
        mount.root = Root::host;
        mount.source = mount.directory;
    }
    return mount;
}

/// A bound directory of the host that lies in another one is opened from the outer one: the job could replace the inner one by a link.
void widen_roots(std::vector<PathMount>& mounts)
{
    for (PathMount& mount : mounts) {
        if (mount.root != Root::host) continue;
        const PathMount* widest = &mount;
        for (const PathMount& each : mounts)
            if (each.root == Root::host && each.within.empty() && is_within(widest->source, each.source))
                widest = &each;
        const std::string root = widest->source;
        mount.within = joined(rest_of(mount.source, root), mount.within);
        mount.source = mount.directory = root;
    }
}

std::string ways_out(const JobPaths& paths)
{
    std::string targets;
    for (const PathMount& mount : paths.mounts)
        if (mount.root != Root::closed) targets += (targets.empty() ? "" : ", ") + mount.target;
    const std::string other = "use a named volume, or copy files with `docker cp`";
    return targets.empty() ? other : "paths beneath " + targets + " can be bound; for others " + other;
}

}  // namespace

std::string clean_absolute(std::string_view path)
{
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (part == ".." && !parts.empty()) parts.pop_back();
        if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    }
    std::string clean;
    for (const std::string_view part : parts) clean.append("/").append(part);
    return clean.empty() ? "/" : clean;
}

bool is_within(std::string_view path, std::string_view root)
{
    if (root == "/") return path.starts_with('/');
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

bool is_plain_path(std::string_view path)
{
    return std::ranges::none_of(path, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '\\'; });
}

std::vector<PathMount> mounts_of_container(const Json& inspect, const std::vector<std::string>& private_paths)
{
    std::vector<PathMount> mounts;
    const Json* points = parts::at(inspect, "Mounts");
    if (points && points->is_array())
        for (const Json& point : *points) mounts.push_back(mount_of(point, inspect, private_paths));
    // Docker tells of these elsewhere.
    const Json* host = parts::at(inspect, "HostConfig");
    const Json* tmpfs = host ? parts::at(*host, "Tmpfs") : nullptr;
    if (tmpfs && tmpfs->is_object())
        for (const auto& [target, options] : tmpfs->items()) mounts.push_back({.target = clean_absolute(target)});
    std::erase_if(mounts, [](const PathMount& each) { return each.target == "/"; });
    widen_roots(mounts);
    std::ranges::sort(mounts, {}, &PathMount::target);
    return mounts;
}

std::vector<PathMount> mounts_of_workspace(const std::string& directory, const std::vector<std::string>& private_paths)
{
    if (is_private(directory, private_paths)) return {};
    return {PathMount{directory, Root::host, directory, directory, {}, false}};
}

Result<ResolvedPath> resolve_path(const std::string& path, const JobPaths& paths, const std::string& field,
                       const std::string& asked)
{
    const PathMount* nearest = nullptr;
    for (const PathMount& mount : paths.mounts)
        if (is_within(path, mount.target) && (!nearest || mount.target.size() > nearest->target.size()))
            nearest = &mount;
    if (!nearest || nearest->root == Root::closed || !is_plain_path(path))
        return denied("binds", field, asked, ways_out(paths));
    return ResolvedPath{nearest->root, nearest->source, nearest->directory,
                 joined(nearest->within, rest_of(path, nearest->target)), nearest->read_only};
}

std::vector<std::string> mounts_beneath(const std::string& path, const JobPaths& paths)
{
    std::vector<std::string> targets;
    for (const PathMount& mount : paths.mounts)
        if (mount.root != Root::closed && mount.target != path && is_within(mount.target, path))
            targets.push_back(mount.target);
    return targets;
}

bool is_anchor(std::string_view reference, const JobPaths& paths)
{
    if (paths.anchor.empty() || reference.empty()) return false;
    if (reference.starts_with('/')) reference.remove_prefix(1);
    return reference == paths.anchor_name || (reference.size() >= 12 && paths.anchor.starts_with(reference));
}

}  // namespace rules
