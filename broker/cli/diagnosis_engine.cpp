#include <fmt/format.h>

#include <algorithm>

#include "broker/cli/checks.h"
#include "rules/api/route.h"
#include "rules/model.h"

// Whether the engine is one that berth can serve jobs with.
namespace broker::checks {
namespace {

using rules::Json;

/// Absent is true: engines leave out what they do not know.
bool is_on(const Json& object, const char* key)
{
    const auto found = object.find(key);
    return found == object.end() || !found->is_boolean() || found->get<bool>();
}

/// The engine's `name=seccomp,profile=builtin` that begins with `name`; empty when there is none.
std::string security_option(const Json& info, const std::string& name)
{
    const auto options = info.find("SecurityOptions");
    if (options == info.end() || !options->is_array()) return {};
    for (const Json& each : *options) {
        const std::string text = each.is_string() ? each.get<std::string>() : std::string();
        if (text == "name=" + name || text.starts_with("name=" + name + ",")) return text;
    }
    return {};
}

}  // namespace

std::string text_of(const Json& object, const char* key)
{
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

rules::Version version_of(const std::string& text)
{
    rules::Version version{0, 0};
    std::sscanf(text.c_str(), "%d.%d", &version.major, &version.minor);
    return version;
}

Finding engine(const HostFacts& facts)
{
    if (!facts.engine_problem.empty())
        return fail("engine", facts.engine_problem + ": no job can be opened",
                    "start it (systemctl start docker), or say where it is (--engine unix:///path; DOCKER_HOST is not "
                    "read); the user must be allowed to use its socket");
    return ok("engine", fmt::format("Docker {} at {}", text_of(facts.version, "Version"), facts.engine));
}

Finding api(const HostFacts& facts)
{
    const rules::Version newest = version_of(text_of(facts.version, "ApiVersion"));
    const std::string least = text_of(facts.version, "MinAPIVersion");
    const rules::Version oldest = least.empty() ? rules::oldest_version : version_of(least);
    const rules::Version common_newest = std::min(newest, rules::newest_version),
                         common_oldest = std::max(oldest, rules::oldest_version);
    const std::string ranges =
        fmt::format("the engine speaks {} to {}, berth {} to {}", rules::to_string(oldest), rules::to_string(newest),
                    rules::to_string(rules::oldest_version), rules::to_string(rules::newest_version));
    return ok("api", fmt::format("jobs get {} to {} ({})", rules::to_string(common_oldest),
                                 rules::to_string(common_newest), ranges));
}

Finding cgroups(const HostFacts& facts)
{
    const std::string driver = text_of(facts.info, "CgroupDriver");
    std::string version = text_of(facts.info, "CgroupVersion");
    if (version.empty()) version = "1";  // engines that know only this one do not say so
    const std::string what = fmt::format("cgroup v{}, driver {}", version, driver.empty() ? "unknown" : driver);
    if (driver == "none" || driver.empty())
        return warn(
            "cgroups",
            what + ": neither a container nor a job as a whole can be limited, and profiles with limits cannot be used",
            "delegate cgroup v2 controllers to the engine's user, and start the engine by systemd");
    std::string missing;
    for (const auto& [key, name] :
         {std::pair("MemoryLimit", "memory"), std::pair("CpuCfsQuota", "cpu"), std::pair("PidsLimit", "pids")})
        if (!is_on(facts.info, key)) missing += (missing.empty() ? "" : ", ") + std::string(name);
    if (!missing.empty())
        return warn("cgroups",
                    fmt::format("{}; no limits of {}: jobs that ask for them are not bounded", what, missing),
                    "enable the controllers in the kernel (cgroup_enable=memory on the kernel's command line)");
    if (version == "1")
        return warn("cgroups", what + ": limits hold, but kernels, systemd and Docker are giving version 1 up",
                    "boot with systemd.unified_cgroup_hierarchy=1");
    return ok("cgroups", what);
}

Finding storage(const HostFacts& facts)
{
    const std::string driver = text_of(facts.info, "Driver");
    std::string what = driver;
    bool without_types = false;
    if (const auto status = facts.info.find("DriverStatus"); status != facts.info.end() && status->is_array())
        for (const Json& each : *status) {
            if (!each.is_array() || each.size() != 2 || !each[0].is_string() || !each[1].is_string()) continue;
            const auto key = each[0].get<std::string>(), value = each[1].get<std::string>();
            if (key == "Backing Filesystem") what += " on " + value;
            if (key == "driver-type") what += " (" + value + ")";
            if (key == "Supports d_type" && value == "false") without_types = true;
        }
    if (without_types)
        return fail("storage", what + " without d_type: files of images appear and vanish at random",
                    "make the file system anew with d_type (xfs: mkfs.xfs -n ftype=1)");
    if (driver == "vfs")
        return warn("storage",
                    "vfs: each container gets a copy of its whole image, so that jobs start slowly and fill the disk",
                    "use overlay2: a data root on ext4 or xfs, \"storage-driver\": \"overlay2\"");
    if (driver == "devicemapper" || driver == "aufs" || driver == "overlay")
        return warn("storage", driver + ": newer engines do not have it any more, and will not start",
                    "change to overlay2");
    return ok("storage", what);
}

Finding confinement(const HostFacts& facts)
{
    const auto kernel_has = [&](const char* name) {
        return std::ranges::find(facts.security_modules, name) != facts.security_modules.end();
    };
    const std::string seccomp = security_option(facts.info, "seccomp");
    if (seccomp.empty() || seccomp.find("profile=unconfined") != seccomp.npos)
        return fail(
            "confinement",
            "the engine filters no system calls (seccomp): containers of jobs may use all that the kernel has",
            "use an engine and a kernel with seccomp, and no \"seccomp-profile\": \"unconfined\" in daemon.json");
    const bool apparmor = !security_option(facts.info, "apparmor").empty(),
               selinux = !security_option(facts.info, "selinux").empty();
    std::string what = "seccomp";
    if (apparmor) what += ", AppArmor";
    if (selinux) what += ", SELinux";
    if (kernel_has("apparmor") && !apparmor)
        return warn("confinement", what + "; the kernel has AppArmor and the engine does not use it",
                    "install apparmor (apparmor_parser), and restart the engine");
    if (kernel_has("selinux") && !selinux)
        return warn("confinement", what + "; the kernel has SELinux and the engine does not use it",
                    "\"selinux-enabled\": true in daemon.json");
    if (selinux)
        return warn("confinement", what + ": SELinux may keep containers from a door that is mounted into them",
                    "where connecting to docker.sock is refused in a job, allow it by a policy module: ausearch -m avc "
                    "-ts recent | audit2allow -M berth");
    if (!apparmor)
        return warn("confinement", what + " alone: neither AppArmor nor SELinux confines containers",
                    "enable one of them in the kernel (lsm=...), and restart the engine");
    return ok("confinement", what);
}

Finding users(const HostFacts& facts)
{
    if (!security_option(facts.info, "rootless").empty())
        return warn("users",
                    "the engine is rootless: the packet filter cannot keep its jobs apart, and paths work only for its "
                    "own user",
                    "run berth as the engine's user; for isolation use an engine that runs as root");
    if (!security_option(facts.info, "userns").empty())
        return ok("users",
                  "root in a container is an unprivileged user of the host (userns-remap); files that jobs bind must "
                  "be readable to it");
    return ok("users", "root in a container is root of the host, without its capabilities");
}

Finding restarts(const HostFacts& facts)
{
    const auto live = facts.info.find("LiveRestoreEnabled");
    if (live != facts.info.end() && live->is_boolean() && live->get<bool>())
        return ok("restarts", "live-restore is on: containers of jobs outlive a restart of the engine");
    return warn("restarts",
                "live-restore is off: a restart or an update of the engine stops the containers of running jobs",
                "\"live-restore\": true in /etc/docker/daemon.json, then systemctl reload docker");
}

}  // namespace broker::checks
