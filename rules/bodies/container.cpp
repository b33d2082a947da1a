#include <algorithm>

#include "rules/bodies/capabilities.h"
#include "rules/bodies/parts.h"

// Judges a new container, where more counts than whether a property is there (for that: container_schema.cpp).
namespace rules {
namespace {

/// A mode that must be one of `own`, or `container:<reference>` where `shares`.
Result<void> judge_mode(const Json& host, const char* field, std::initializer_list<std::string_view> own, bool shares,
                        const Lookup& job, const Profile& profile)
{
    const std::string mode = text(host, field);
    const std::string where = std::string("HostConfig.") + field;
    if (mode.empty() || std::ranges::find(own, mode) != own.end()) return {};
    if (mode == "host")
        return denied("host-namespace", where, mode, "leave it out: the container has a namespace of its own");
    if (!shares || !shared_container(mode)) return bad_request("invalid " + std::string(field) + ": " + mode);
    if (!shares_namespace(profile, field == std::string_view("PidMode") ? "pid" : "ipc"))
        return denied("namespaces.shared", where, mode, "leave it out: the container has a namespace of its own");
    const Result<std::string> shared = shared_namespace(mode, job);
    return shared ? Result<void>() : tl::unexpected(shared.error());
}

Result<void> judge_namespaces(const Json& host, const Lookup& job, const Profile& profile)
{
    if (auto judged = judge_mode(host, "PidMode", {}, true, job, profile); !judged) return judged;
    if (auto judged = judge_mode(host, "IpcMode", {"private", "shareable", "none"}, true, job, profile); !judged)
        return judged;
    if (auto judged = judge_mode(host, "UTSMode", {}, false, job, profile); !judged) return judged;
    return judge_mode(host, "CgroupnsMode", {"private"}, false, job, profile);
}

/// As dockerd normalises it: upper case, without `CAP_`.
std::string capability(std::string name)
{
    for (char& c : name)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (name.starts_with("CAP_")) name.erase(0, 4);
    return name;
}

Result<void> judge_capabilities(const Json& host, const Profile& profile)
{
    constexpr const char* way_out = "run without it; ask the operator for a profile that grants what you need";
    const auto has = [](const auto& list, std::string_view name) {
        return std::ranges::find(list, name) != std::ranges::end(list);
    };
    for (const Json& asked : section(host, "CapAdd")) {
        const std::string name = capability(asked.get<std::string>());
        if (name == "ALL")
            return denied("capabilities", "HostConfig.CapAdd", asked.get<std::string>(),
                          "name the capabilities that you need");
        const Capability* known = find_capability(name);
        if (!known)
            return denied("capabilities.allowed", "HostConfig.CapAdd", asked.get<std::string>(),
                          "run without it; no profile grants it, since it is root on the host or lets something outlive the job");
        const bool allowed = has(profile.capabilities_allowed, name);
        if (!allowed && !known->of_docker)
            return denied("capabilities.allowed", "HostConfig.CapAdd", asked.get<std::string>(), way_out);
        // What is added wins over what is dropped.
        if (has(profile.capabilities_dropped, name) || (!allowed && has(profile.capabilities_dropped, "ALL")))
            return denied("capabilities.dropped", "HostConfig.CapAdd", asked.get<std::string>(), way_out);
    }
    return {};
}

Result<void> judge_security_options(const Json& host, const Profile& profile)
{
    for (const Json& option : section(host, "SecurityOpt")) {
        const auto text = option.get<std::string>();
        const std::string asked = security_option(text);
        const auto is_asked = [&](const std::string& allowed) { return security_option(allowed) == asked; };
        if (asked == no_new_privileges || std::ranges::any_of(profile.security_options, is_asked)) continue;
        const std::string known = profile.security_options.empty() ? "" : " or " + joined(profile.security_options);
        return denied("security.options", "HostConfig.SecurityOpt", text,
                      "only no-new-privileges" + known + " may be given; leave it out");
    }
    return {};
}

bool is_sysctl_allowed(std::string_view name, const Profile& profile)
{
    // The runtime turns dots into slashes of a path below /proc/sys.
    if (!std::ranges::all_of(name, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                   c == '.';
        }))
        return false;
    if (name.find("..") != std::string_view::npos) return false;
    return std::ranges::any_of(profile.sysctls_allowed, [&](const std::string& allowed) {
        return allowed.ends_with('.') ? name.starts_with(allowed) && name.size() > allowed.size() : name == allowed;
    });
}

Result<void> judge_sysctls(const Json& body, const Json& host, const Profile& profile)
{
    const bool shared_network = shared_container(text(host, "NetworkMode")).has_value();
    for (const auto& [name, value] : section(host, "Sysctls").items()) {
        const std::string where = "HostConfig.Sysctls." + name;
        if (!is_sysctl_allowed(name, profile))
            return denied("sysctls.allowed", where, value.get<std::string>(),
                          "leave it out; ask the operator for a profile that grants it");
        if (name.starts_with("net.") && (shared_network || body.value("NetworkDisabled", false)))
            return denied("sysctls", where, value.get<std::string>(),
                          "set it on the container whose network is shared");
    }
    return {};
}

Result<void> judge_limits(const Json& host, const Profile& profile)
{
    if (const std::int64_t score = integer(host, "OomScoreAdj"); score < 0)
        return denied("oom", "HostConfig.OomScoreAdj", std::to_string(score), "give 0 or more");
    if (const std::int64_t size = integer(host, "ShmSize"); size > profile.shm_max)
        return denied("limits.container.shm_max", "HostConfig.ShmSize", std::to_string(size),
                      "ask for at most " + std::to_string(profile.shm_max) + " bytes");
    if (const std::string isolation = text(host, "Isolation"); !isolation.empty() && isolation != "default")
        return denied("isolation", "HostConfig.Isolation", isolation, "leave it out: Linux has only the default");
    if (auto judged = judge_restart_policy(host, "HostConfig.", profile); !judged) return judged;
    if (auto judged = judge_runtime(host, profile); !judged) return judged;
    return judge_resources(host, "HostConfig.", profile);
}

/// What an image says of its probes counts where the request says nothing.
void merge_healthcheck(Json& body, const Json& inherited, const Profile& profile)
{
    const auto explicitly = [&](const char* field, std::int64_t allowed) {
        const Json& own = section(body, "Healthcheck");
        if (integer(own, field) == 0) body["Healthcheck"][field] = allowed;
    };
    for (const char* field : {"Interval", "Timeout", "StartInterval"})
        if (const std::int64_t value = integer(inherited, field); value > 0 && value < profile.healthcheck_min)
            explicitly(field, profile.healthcheck_min);
    if (integer(inherited, "Retries") > profile.healthcheck_retries_max)
        explicitly("Retries", profile.healthcheck_retries_max);
}

}  // namespace

Result<ContainerNeeds> judge_container_create(const Json& body, const Lookup& job, const Profile& profile)
{
    ContainerNeeds needs;
    const Json& host = section(body, "HostConfig");
    if (const Result<Named> image = job.image(text(body, "Image")); !image) return tl::unexpected(image.error());
    Result<void> judged = judge_namespaces(host, job, profile);
    if (judged) judged = judge_capabilities(host, profile);
    if (judged) judged = judge_security_options(host, profile);
    if (judged) judged = judge_mounts(host, job, profile, needs);
    if (judged) judged = judge_networks(body, job, profile, needs);
    if (judged) judged = judge_sysctls(body, host, profile);
    if (judged) judged = judge_ports(body, profile);
    if (judged) judged = judge_hosts(body);
    if (judged) judged = judge_limits(host, profile);
    if (judged) judged = judge_log_config(host, profile);
    if (judged) judged = judge_env(body, profile);
    if (!judged) return tl::unexpected(judged.error());
    // Published ports live on the address of the job's default network, wherever the container is.
    if ((joins_networks(body) && publishes_ports(body)) || names_host_gateway(section(host, "ExtraHosts")))
        needs.default_network = true;
    return needs;
}

Result<void> merge_image_config(Json& body, const Json& config, const Profile& profile)
{
    const std::string user = text(body, "User");
    const auto of_image = config.find("User");
    const std::string inherited =
        of_image != config.end() && of_image->is_string() ? of_image->get<std::string>() : std::string();
    if (auto judged = judge_user(user.empty() ? inherited : user, "User", profile); !judged) return judged;
    const Json& exposed = section(config, "ExposedPorts");
    if (exposed.is_object() && section(body, "HostConfig").value("PublishAllPorts", false)) {
        for (const auto& [port, nothing] : exposed.items()) body["ExposedPorts"][port] = Json::object();
        if (auto judged = judge_ports(body, profile); !judged) return judged;
    }
    const Json& healthcheck = section(config, "Healthcheck");
    if (healthcheck.is_object()) merge_healthcheck(body, healthcheck, profile);
    return {};
}

}  // namespace rules
