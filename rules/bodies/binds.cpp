#include <algorithm>

#include "rules/bodies/parts.h"

// Binds of the job's own paths. The engine gets each as a volume with a path beneath it, or as a path that only berth
// can change (Pin); what the client asked for goes into a label, from which the views show it again.
namespace rules {
namespace {

Json mount_of(const Pin& pin, const std::string& target, bool read_only)
{
    Json mount = {{"Target", target}};
    if (read_only || pin.read_only) mount["ReadOnly"] = true;
    if (pin.volume.empty()) {
        mount["Type"] = "bind";
        mount["Source"] = pin.path;
        mount["BindOptions"] = {{"Propagation", "rprivate"}};
    } else {
        mount["Type"] = "volume";
        mount["Source"] = pin.volume;
        mount["VolumeOptions"] = {{"NoCopy", true}};
        if (!pin.path.empty()) mount["VolumeOptions"]["Subpath"] = pin.path;
    }
    return mount;
}

std::string beneath(const std::string& target, std::string_view rest)
{
    return clean_absolute(target + "/" + std::string(rest));
}

}  // namespace

Result<void> need_path(const std::string& source, const std::string& field, const std::string& asked, bool make,
                       const Lookup& job, ContainerNeeds& needs)
{
    const std::string path = clean_absolute(source);
    if (const Result<ResolvedPath> place = resolve_path(path, job.paths(), field, asked); !place)
        return tl::unexpected(place.error());
    const bool made = needs.paths[path];
    needs.paths[path] = made || make;
    for (const std::string& nested : mounts_beneath(path, job.paths())) needs.paths.emplace(nested, false);
    return {};
}

void need_anchor(const Lookup& job, ContainerNeeds& needs)
{
    for (const PathMount& mount : job.paths().mounts)
        if (mount.root != PathMount::Root::closed) needs.paths.emplace(mount.target, false);
}

Result<void> PathMounts::add(const std::string& source, const std::string& target, const std::string& mode,
                             bool read_only, bool recursive)
{
    if (profile_.binds_allowed == "read-only") read_only = true;
    const std::string path = clean_absolute(source);
    std::vector<std::string> all = {path};
    if (recursive)
        for (std::string& nested : mounts_beneath(path, job_.paths())) all.push_back(std::move(nested));
    for (const std::string& each : all) {
        const std::string place = beneath(target, std::string_view(each).substr(path == "/" ? 0 : path.size()));
        if (each != path && taken_.contains(place)) continue;
        const auto pin = context_.pins.find(each);
        if (pin == context_.pins.end()) return conflict("the path " + each + " changed while the container was made");
        mounts.push_back(mount_of(pin->second, each == path ? target : place, read_only));
        shown[place] = each == path ? Json{{"Source", path}, {"Mode", mode}} : Json();
    }
    return {};
}

Result<void> PathMounts::add_anchor(bool read_only)
{
    for (const PathMount& mount : job_.paths().mounts) {
        if (taken_.contains(mount.target)) continue;
        if (mount.target == "/var/run/docker.sock" || mount.target == "/run/docker.sock") {
            if (profile_.binds_docker_socket)
                mounts.push_back({{"Type", "bind"}, {"Source", context_.door}, {"Target", mount.target}});
        } else if (mount.root != PathMount::Root::closed) {
            if (auto added = add(mount.target, mount.target, "", read_only, false); !added) return added;
        }
    }
    return {};
}

PathMounts::PathMounts(const Json& body, const Lookup& job, const Profile& profile, const RewriteContext& context)
    : job_(job), profile_(profile), context_(context)
{
    const Json& host = section(body, "HostConfig");
    for (const Json& bind : section(host, "Binds")) {
        const Result<Bind> parsed = parse_bind(bind.get<std::string>());
        if (parsed) taken_.insert(clean_absolute(parsed->target));
    }
    for (const Json& mount : section(host, "Mounts")) taken_.insert(clean_absolute(text(mount, "Target")));
    for (const auto& [target, options] : section(host, "Tmpfs").items()) taken_.insert(clean_absolute(target));
    asked_ = Json::object();
    for (const char* list : {"Binds", "Mounts", "VolumesFrom"})
        if (host.contains(list)) asked_[list] = host[list];
}

std::string PathMounts::label() const
{
    if (shown.empty()) return {};
    Json label = asked_;
    label["Shown"] = shown;
    return label.dump();
}

}  // namespace rules
