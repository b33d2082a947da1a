#include <algorithm>

#include "rules/bodies/parts.h"
#include "rules/names/names.h"

// What a container mounts: volumes of its job, tmpfs, the job's own socket, the job's own paths. Nothing else of the host.
namespace rules {
namespace {

/// The job's own door, by any path under which the job has it: clients mount what DOCKER_HOST says.
bool is_docker_socket(std::string_view source, const Lookup& job)
{
    if (const std::string& door = job.paths().door; !door.empty() && source == door) return true;
    return source == "/var/run/docker.sock" || source == "/run/docker.sock";
}

/// A volume that the job has, or one that it gets for this container.
Result<void> need_volume(const std::string& name, const Lookup& job, ContainerNeeds& needs)
{
    if (job.volume(name)) return {};
    if (const Result<std::string> checked = checked_name(Kind::volume, name); !checked)
        return tl::unexpected(checked.error());
    if (std::ranges::find(needs.volumes, name) == needs.volumes.end()) needs.volumes.push_back(name);
    return {};
}

Result<void> judge_socket(const std::string& field, const std::string& source, const Profile& profile)
{
    if (profile.binds_docker_socket) return {};
    return denied("binds.docker_socket", field, source,
                  "leave the mount out; ask the operator for a profile that allows it");
}

/// Whether the profile allows binds at all. Which path is bound is judged by need_path.
Result<void> judge_paths(const std::string& field, const std::string& asked, const Profile& profile)
{
    if (profile.binds_allowed != "none") return {};
    return denied("binds.allowed", field, asked, "use a volume, and `docker cp` to fill it");
}

Result<void> judge_bind(const std::string& spec, const Lookup& job, const Profile& profile, ContainerNeeds& needs)
{
    const std::string field = "HostConfig.Binds";
    const Result<Bind> bind = parse_bind(spec);
    if (!bind) return tl::unexpected(bind.error());
    if (bind->source.empty()) return {};
    if (is_docker_socket(bind->source, job)) return judge_socket(field, spec, profile);
    if (bind->source.starts_with('/')) {
        if (auto judged = judge_paths(field, spec, profile); !judged) return judged;
        return need_path(bind->source, field, spec, true, job, needs);
    }
    return need_volume(bind->source, job, needs);
}

Result<void> judge_volume_mount(const Json& mount, const std::string& where, const Lookup& job, const Profile& profile,
                                ContainerNeeds& needs)
{
    const std::string source = text(mount, "Source");
    const Json& driver = section(section(mount, "VolumeOptions"), "DriverConfig");
    const std::string driver_at = where + ".VolumeOptions.DriverConfig";
    if (const std::string name = text(driver, "Name"); !name.empty() && name != "local")
        return denied("volume-driver", driver_at + ".Name", name, "only local volumes are given to jobs; leave it out");
    const Json& options = section(driver, "Options");
    if (const auto allowed = volume_driver_options(options, driver_at + ".Options", profile); !allowed)
        return tl::unexpected(allowed.error());
    if (source.empty()) return {};
    // The volume is made before the container, by its name alone.
    if (!options.empty() && !job.volume(source))
        return denied("volume-driver", driver_at + ".Options", options.dump(),
                      "make the volume with `docker volume create --opt` first");
    return need_volume(source, job, needs);
}

Result<void> judge_tmpfs_mount(const Json& mount, const std::string& where, const Profile& profile)
{
    if (!text(mount, "Source").empty())
        return bad_request("invalid mount config for type \"tmpfs\": field Source must not be specified");
    const Json& options = section(mount, "TmpfsOptions");
    const std::int64_t size = integer(options, "SizeBytes");
    if (size > profile.tmpfs_max)
        return denied("limits.container.tmpfs_max", where + ".TmpfsOptions.SizeBytes", std::to_string(size),
                      "ask for at most " + std::to_string(profile.tmpfs_max) + " bytes");
    for (const Json& option : section(options, "Options"))
        if (option != Json::array({"exec"}) && option != Json::array({"noexec"}))
            return denied("tmpfs", where + ".TmpfsOptions.Options", option.dump(), "only exec and noexec may be given");
    return {};
}

Result<void> judge_bind_mount(const Json& mount, const std::string& where, const Lookup& job, const Profile& profile,
                              ContainerNeeds& needs)
{
    const std::string source = text(mount, "Source");
    const Json& options = section(mount, "BindOptions");
    const std::string propagation = text(options, "Propagation");
    if (!propagation.empty() && propagation != "private" && propagation != "rprivate")
        return denied("propagation", where + ".BindOptions.Propagation", propagation,
                      "mounts are private to the container; leave it out");
    if (is_docker_socket(source, job)) return judge_socket(where + ".Source", source, profile);
    if (source.empty()) return bad_request("invalid mount config for type \"bind\": field Source must not be empty");
    if (!source.starts_with('/'))
        return bad_request("invalid mount config for type \"bind\": invalid mount path: '" + source +
                           "' mount path must be absolute");
    if (auto judged = judge_paths(where + ".Source", source, profile); !judged) return judged;
    return need_path(source, where + ".Source", source, options.value("CreateMountpoint", false), job, needs);
}

Result<void> judge_mount(const Json& mount, const std::string& where, const Lookup& job, const Profile& profile,
                         ContainerNeeds& needs)
{
    const std::string type = text(mount, "Type");
    if (type == "volume") return judge_volume_mount(mount, where, job, profile, needs);
    if (type == "tmpfs") return judge_tmpfs_mount(mount, where, profile);
    if (type == "bind") return judge_bind_mount(mount, where, job, profile, needs);
    if (type == "image")
        return denied("image-mounts", where + ".Type", type,
                      "copy the files with `docker cp` from a container of the image");
    if (type == "npipe" || type == "cluster")
        return denied("mount-type", where + ".Type", type, "use a volume or a tmpfs");
    return bad_request("invalid mount config for type \"" + type + "\": mount type unknown");
}

Result<void> judge_volumes_from(const std::string& spec, const Lookup& job, const Profile& profile,
                                ContainerNeeds& needs)
{
    const Result<VolumesFrom> from = parse_volumes_from(spec);
    if (!from) return tl::unexpected(from.error());
    const Result<Named> container = job.container(from->container);
    if (container) return {};
    if (!is_anchor(from->container, job.paths())) return tl::unexpected(container.error());
    if (auto judged = judge_paths("HostConfig.VolumesFrom", spec, profile); !judged) return judged;
    need_anchor(job, needs);
    return {};
}

/// Binds; one that is only a target is an anonymous volume, which has its own place in the body.
Result<void> rewrite_binds(Json& body, const Lookup& job, const RewriteContext& context, PathMounts& paths)
{
    Json binds = Json::array();
    for (const Json& spec : section(body["HostConfig"], "Binds")) {
        const Result<Bind> bind = parse_bind(spec.get<std::string>());
        if (!bind) return tl::unexpected(bind.error());
        if (bind->source.empty()) {
            body["Volumes"][bind->target] = Json::object();
            continue;
        }
        std::string source = context.door;
        if (!is_docker_socket(bind->source, job)) {
            if (bind->source.starts_with('/')) {
                if (auto added = paths.add(bind->source, bind->target, bind->mode, bind->read_only, true); !added)
                    return added;
                continue;
            }
            Result<Named> volume = job.volume(bind->source);
            if (!volume) return tl::unexpected(volume.error());
            source = volume->real;
        }
        binds.push_back(source + ":" + bind->target + (bind->mode.empty() ? "" : ":") + bind->mode);
    }
    body["HostConfig"]["Binds"] = std::move(binds);
    return {};
}

Result<Json> rewritten_volume_mount(const Json& mount, Json sent, const Lookup& job, const Profile& profile,
                                    const RewriteContext& context)
{
    Json options = section(mount, "VolumeOptions");
    const Json driver = section(options, "DriverConfig");
    options.erase("DriverConfig");
    if (!section(driver, "Options").empty()) {
        Result<Json> allowed = volume_driver_options(section(driver, "Options"), "HostConfig.Mounts", profile);
        if (!allowed) return allowed;
        options["DriverConfig"] = {{"Name", "local"}, {"Options", std::move(*allowed)}};
    }
    set_labels(options, context);
    sent["VolumeOptions"] = std::move(options);

    const std::string source = text(mount, "Source");
    if (source.empty()) return sent;
    const Result<Named> volume = job.volume(source);
    if (!volume) return tl::unexpected(volume.error());
    sent["Source"] = volume->real;
    return sent;
}

/// Only what belongs to the mount's type goes on: older engines read the blocks of other types, or not, as they like.
Result<Json> rewritten_mount(const Json& mount, const Lookup& job, const Profile& profile, const RewriteContext& context)
{
    const std::string type = text(mount, "Type");
    Json sent = {{"Type", type}, {"Target", text(mount, "Target")}};
    if (mount.value("ReadOnly", false)) sent["ReadOnly"] = true;
    if (type == "bind") sent["Source"] = context.door;
    if (type == "tmpfs") {
        Json options = section(mount, "TmpfsOptions");
        if (integer(options, "SizeBytes") <= 0) options["SizeBytes"] = profile.tmpfs_max;
        sent["TmpfsOptions"] = std::move(options);
    }
    if (type == "volume") return rewritten_volume_mount(mount, std::move(sent), job, profile, context);
    return sent;
}

}  // namespace

Result<void> judge_mounts(const Json& host, const Lookup& job, const Profile& profile, ContainerNeeds& needs)
{
    for (const Json& spec : section(host, "Binds"))
        if (auto judged = judge_bind(spec.get<std::string>(), job, profile, needs); !judged) return judged;
    std::size_t at = 0;
    for (const Json& mount : section(host, "Mounts")) {
        const std::string where = "HostConfig.Mounts[" + std::to_string(at++) + "]";
        if (auto judged = judge_mount(mount, where, job, profile, needs); !judged) return judged;
    }
    for (const Json& spec : section(host, "VolumesFrom"))
        if (auto judged = judge_volumes_from(spec.get<std::string>(), job, profile, needs); !judged) return judged;
    for (const auto& [target, options] : section(host, "Tmpfs").items())
        if (const auto allowed = tmpfs_options(options.get<std::string>(), "HostConfig.Tmpfs", profile); !allowed)
            return tl::unexpected(allowed.error());
    if (const std::string driver = text(host, "VolumeDriver"); !driver.empty() && driver != "local")
        return denied("volume-driver", "HostConfig.VolumeDriver", driver,
                      "only local volumes are given to jobs; leave it out");
    return {};
}

namespace {

/// HostConfig.Mounts, with what `paths` has and gets.
Result<void> rewrite_mount_list(Json& host, const Lookup& job, const Profile& profile, const RewriteContext& context,
                                PathMounts& paths)
{
    Json sent = Json::array();
    for (const Json& mount : section(host, "Mounts")) {
        const std::string source = text(mount, "Source");
        if (text(mount, "Type") == "bind" && !is_docker_socket(source, job)) {
            const bool recursive = !section(mount, "BindOptions").value("NonRecursive", false);
            if (auto added = paths.add(source, text(mount, "Target"), "", mount.value("ReadOnly", false), recursive);
                !added)
                return added;
            continue;
        }
        Result<Json> rewritten = rewritten_mount(mount, job, profile, context);
        if (!rewritten) return tl::unexpected(rewritten.error());
        sent.push_back(std::move(*rewritten));
    }
    for (Json& mount : paths.mounts) sent.push_back(std::move(mount));
    if (host.contains("Mounts") || !sent.empty()) host["Mounts"] = std::move(sent);
    return {};
}

Result<void> rewrite_volumes_from(Json& host, const Lookup& job, PathMounts& paths)
{
    Json sent = Json::array();
    for (const Json& spec : section(host, "VolumesFrom")) {
        const Result<VolumesFrom> from = parse_volumes_from(spec.get<std::string>());
        if (!from) return tl::unexpected(from.error());
        const Result<Named> container = job.container(from->container);
        if (container) {
            sent.push_back(container->id + (from->mode.empty() ? "" : ":") + from->mode);
        } else if (is_anchor(from->container, job.paths())) {
            if (auto added = paths.add_anchor(from->mode == "ro"); !added) return added;
        } else {
            return tl::unexpected(container.error());
        }
    }
    if (host.contains("VolumesFrom")) host["VolumesFrom"] = std::move(sent);
    return {};
}

}  // namespace

Result<std::string> rewrite_mounts(Json& body, const Lookup& job, const Profile& profile, const RewriteContext& context)
{
    Json& host = body["HostConfig"];
    PathMounts paths(body, job, profile, context);
    Result<void> rewritten;
    if (host.contains("Binds")) rewritten = rewrite_binds(body, job, context, paths);
    if (rewritten) rewritten = rewrite_volumes_from(host, job, paths);
    if (rewritten) rewritten = rewrite_mount_list(host, job, profile, context, paths);
    if (!rewritten) return tl::unexpected(rewritten.error());
    if (host.contains("Tmpfs"))
        for (auto& [target, options] : host["Tmpfs"].items()) {
            const Result<std::string> allowed = tmpfs_options(options.get<std::string>(), "HostConfig.Tmpfs", profile);
            if (!allowed) return tl::unexpected(allowed.error());
            options = *allowed;
        }
    return paths.label();
}

}  // namespace rules
