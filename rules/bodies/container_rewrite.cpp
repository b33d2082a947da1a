#include <algorithm>

#include "rules/bodies/parts.h"
#include "rules/names/addresses.h"
#include "rules/names/names.h"
#include "rules/names/reference.h"

// What the engine gets for a new container: the judged body with real names, full ids, bounded values and explicit
// defaults.
namespace rules {
namespace {

void clamp_healthcheck(Json& body, const Profile& profile)
{
    if (!body.contains("Healthcheck")) return;
    Json& check = body["Healthcheck"];
    // 0 means the image's own value, or the engine's default.
    for (const char* field : {"Interval", "Timeout", "StartInterval"})
        if (const std::int64_t value = integer(check, field); value > 0)
            check[field] = std::max(value, profile.healthcheck_min);
    if (integer(check, "Retries") > profile.healthcheck_retries_max) check["Retries"] = profile.healthcheck_retries_max;
}

void clamp_stop_timeout(Json& body, const Profile& profile)
{
    if (!body.contains("StopTimeout")) return;
    const std::int64_t longest = profile.stop_timeout_max;
    const std::int64_t wanted = integer(body, "StopTimeout");
    body["StopTimeout"] = wanted < 0 ? longest : std::min(wanted, longest);  // below zero: wait for ever
}

Result<void> rewrite_namespaces(Json& host, const Lookup& job)
{
    for (const char* field : {"PidMode", "IpcMode"}) {
        if (!host.contains(field)) continue;
        const Result<std::string> mode = shared_namespace(text(host, field), job);
        if (!mode) return tl::unexpected(mode.error());
        host[field] = *mode;
    }
    // Old API versions have other defaults: shareable, and on cgroup v1 the host's.
    if (text(host, "IpcMode").empty()) host["IpcMode"] = "private";
    host["CgroupnsMode"] = "private";
    return {};
}

/// With restricted egress a container asks only the name servers that it names; one that names none gets one that does not answer. Else the
/// engine would ask the host's servers, and those on the host's loopback from the host's own network.
void force_dns(Json& host, const Profile& profile)
{
    const bool shares_network = text(host, "NetworkMode").starts_with("container:");
    if (!is_everywhere(profile.network_egress) && !shares_network && section(host, "Dns").empty()) host["Dns"] = Json::array({no_resolver});
}

/// What the profile gives to every container.
void force_security(Json& body, Json& host, const Profile& profile)
{
    for (const std::string& name : profile.capabilities_dropped) host["CapDrop"].push_back(name);
    if (const auto options = host.find("SecurityOpt"); options != host.end())
        for (Json& each : *options) each = security_option(each.get<std::string>());
    const Json& options = section(host, "SecurityOpt");
    if (profile.no_new_privileges && std::ranges::find(options, no_new_privileges) == options.end())
        host["SecurityOpt"].push_back(no_new_privileges);
    if (profile.read_only_root) host["ReadonlyRootfs"] = true;
    if (!profile.runtime_forced.empty()) host["Runtime"] = profile.runtime_forced;
    if (profile.env_forced.empty()) return;
    Json env = Json::array();
    for (const Json& entry : section(body, "Env")) {
        const Result<std::string_view> name = variable_name(entry.get_ref<const std::string&>());
        if (name && !profile.env_forced.contains(std::string(*name))) env.push_back(entry);
    }
    for (const auto& [name, value] : profile.env_forced) env.push_back(name + "=" + value);
    body["Env"] = std::move(env);
}

}  // namespace

Result<std::string> resolve_image(Json& body, const Lookup& job)
{
    std::string asked = text(body, "Image");
    const Result<Named> image = job.image(asked);
    if (!image) return tl::unexpected(image.error());
    body["Image"] = image->id;
    return asked;
}

Result<Json> rewrite_container_create(Json body, const ContainerNames& names, const Lookup& job, const Profile& profile,
                                      const RewriteContext& context, const std::string& gateway)
{
    if (!full_image_id(text(body, "Image"))) return not_found("No such image: " + names.image);
    if (!body.contains("HostConfig")) body["HostConfig"] = Json::object();
    Json& host = body["HostConfig"];
    Result<void> rewritten = rewrite_namespaces(host, job);
    if (!rewritten) return tl::unexpected(rewritten.error());
    const Result<std::string> asked_mounts = rewrite_mounts(body, job, profile, context);
    if (!asked_mounts) return tl::unexpected(asked_mounts.error());
    const bool joined = joins_networks(body);
    rewritten = rewrite_networks(body, names.name, job, context);
    if (!rewritten) return tl::unexpected(rewritten.error());
    if (joined) {
        rewrite_ports(body, gateway, profile);
    } else {  // else they would wait there, with any address, for a later network
        host.erase("PortBindings");
        host.erase("PublishAllPorts");
    }

    force_dns(host, profile);
    if (host.contains("ExtraHosts"))
        if (auto hosts = rewrite_hosts(host["ExtraHosts"], gateway); !hosts) return tl::unexpected(hosts.error());
    set_labels(body, context);
    body["Labels"][std::string(label_image)] = names.image;
    body["Labels"][std::string(label_mounts)] = *asked_mounts;  // also when it is empty: an image may have the label
    if (!context.cgroup.empty()) host["CgroupParent"] = context.cgroup;
    clamp_healthcheck(body, profile);
    clamp_stop_timeout(body, profile);
    cap_restart_policy(host, profile);
    rewrite_log_config(host, profile);
    cap_limits(host, profile, true);
    drop_no_devices(host);
    force_security(body, host, profile);
    return body;
}

Json rewrite_commit(Json body)
{
    Json labels = Json::object();
    if (const auto given = body.find("Labels"); given != body.end() && given->is_object())
        for (const auto& [key, value] : given->items())
            if (!is_own_label(key)) labels[key] = value;
    // What the commit does not name is taken over from the container.
    for (const std::string_view own : {label_job, label_key, label_profile, label_image, label_mounts}) labels[std::string(own)] = "";
    body["Labels"] = std::move(labels);
    return body;
}

}  // namespace rules
