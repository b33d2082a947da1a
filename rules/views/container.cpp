#include <algorithm>

#include "rules/names/addresses.h"
#include "rules/names/names.h"
#include "rules/split.h"
#include "rules/views/containers.h"
#include "rules/views/parts.h"
#include "rules/views/views.h"

namespace rules {

using namespace parts;

namespace {

/// `<full id>:rest`, as berth sent it, with the container's name as the client had written it.
void name_leading_container(Json& item, const Lookup& job)
{
    auto* text = item.get_ptr<std::string*>();
    if (!text) return;
    const std::string_view leading = cut(*text, ':').before;
    if (const Named* own = job.by_id(Kind::container, leading)) text->replace(0, leading.size(), own->name);
}

void name_leading_containers(Json& value, std::string_view key, const Lookup& job)
{
    if (auto* items = list_at(value, key))
        for (Json& item : *items) name_leading_container(item, job);
}

/// Docker itself lists [name, aliases..., short id]; berth made the name an alias, so it would be there twice.
void view_dns_names(Json& endpoint, const Lookup& job)
{
    auto* names = list_at(endpoint, "DNSNames");
    if (!names) return;
    Json::array_t shown;
    for (const Json& item : *names) {
        const auto* text = item.get_ptr<const std::string*>();
        if (!text) continue;
        const Json name = virtual_name(job.key(), *text).value_or(*text);
        if (std::ranges::find(shown, name) == shown.end()) shown.push_back(name);
    }
    *names = std::move(shown);
}

void view_aliases(Json& endpoint, const std::string& container, const Lookup& job)
{
    auto* aliases = list_at(endpoint, "Aliases");
    if (!aliases) return;
    std::erase_if(*aliases, [&](const Json& item) {
        const auto* text = item.get_ptr<const std::string*>();
        return !text || *text == container || scrub(job.key(), *text) != *text;
    });
    if (aliases->empty()) replace(endpoint, "Aliases", nullptr);
}

/// Binds: `source:target[:mode]`.
void view_bind(Json& bind, const Lookup& job, const ViewFacts& facts)
{
    auto* text = bind.get_ptr<std::string*>();
    if (!text) return;
    const std::string_view source = cut(*text, ':').before;
    if (!facts.door.empty() && source == facts.door)
        text->replace(0, source.size(), "/var/run/docker.sock");
    else if (const auto name = volume_name(source, job))
        text->replace(0, source.size(), *name);
}

/// An entry of HostConfig.Mounts, as the client asked for it.
void view_asked_mount(Json& mount, const Lookup& job, const ViewFacts& facts)
{
    const std::string source = text_or_empty(mount, "Source");
    if (!facts.door.empty() && source == facts.door)
        replace(mount, "Source", "/var/run/docker.sock");
    else if (text_or_empty(mount, "Type") == "volume")
        replace(mount, "Source", volume_name(source, job).value_or(source));
    if (Json* options = at(mount, "VolumeOptions")) hide_own_labels(*options, "Labels");
}

/// `{"80/tcp":[{"HostIp":..,"HostPort":..}]}`.
void view_ports(Json& value, std::string_view key, const ViewFacts& facts, std::string_view shown)
{
    auto* ports = object_at(value, key);
    if (!ports) return;
    for (auto& [port, bindings] : *ports)
        if (auto* items = bindings.get_ptr<Json::array_t*>())
            for (Json& item : *items)
                if (facts.binds_ports_to(text_or_empty(item, "HostIp"))) replace(item, "HostIp", shown);
}

/// The job's own address among the extra hosts, as it was asked for.
void view_host_gateway(Json& host, const std::string& gateway)
{
    auto* entries = list_at(host, "ExtraHosts");
    if (!entries || gateway.empty()) return;
    for (Json& entry : *entries)
        if (auto* text = entry.get_ptr<std::string*>(); text && cut(*text, ':').after == gateway)
            text->replace(text->size() - gateway.size(), gateway.size(), "host-gateway");
}

void view_host_config(Json& inspect, const Json& asked, const Lookup& job, const ViewFacts& facts)
{
    Json* host = at(inspect, "HostConfig");
    if (!host) return;
    view_network_mode(*host, job);
    replace(*host, "CgroupParent", "");
    if (!text_or_empty(*host, "Runtime").empty()) replace(*host, "Runtime", "runc");
    hide_own_labels(*host, "Annotations");
    if (auto* binds = list_at(*host, "Binds"))
        for (Json& bind : *binds) view_bind(bind, job, facts);
    if (auto* mounts = list_at(*host, "Mounts"))
        for (Json& mount : *mounts) view_asked_mount(mount, job, facts);
    if (asked.is_object()) {
        // Where berth sent something else: what was asked, and what the client left out is as Docker shows it then.
        for (const char* key : {"Binds", "VolumesFrom"}) replace(*host, key, asked.value(key, Json()));
        remove(*host, "Mounts");
        if (const Json* mounts = at(asked, "Mounts")) (*host)["Mounts"] = *mounts;
    }
    name_leading_containers(*host, "VolumesFrom", job);
    view_ports(*host, "PortBindings", facts, "");
    if (const Json* servers = at(*host, "Dns"); servers && *servers == Json::array({no_resolver})) (*host)["Dns"] = Json::array();
    view_host_gateway(*host, facts.gateway);
}

/// Up to API 1.51 the address on `bridge` is there twice; the engine fills the flat fields only for a network of that
/// very name.
void fill_flat_address(Json& settings)
{
    Json* networks = at(settings, "Networks");
    const Json* bridge = networks ? at(*networks, "bridge") : nullptr;
    if (!bridge) return;
    for (const char* key : {"EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress",
                            "IPPrefixLen", "IPv6Gateway", "MacAddress"})
        if (const Json* value = at(*bridge, key)) replace(settings, key, *value);
}

std::string file_name(std::string_view path)
{
    return std::string(path.substr(path.rfind('/') + 1));
}

/// `<directory>/<file name>` for a path that is set.
void move_path(Json& value, std::string_view key, const std::string& directory)
{
    const std::string path = text_or_empty(value, key);
    if (!path.empty()) replace(value, key, directory + "/" + file_name(path));
}

void view_host_traces(Json& inspect, const std::string& id)
{
    for (const char* key : {"ResolvConfPath", "HostnamePath", "HostsPath", "LogPath"})
        move_path(inspect, key, "/var/lib/docker/containers/" + id);
    for (const char* key : {"MountLabel", "ProcessLabel"}) replace(inspect, key, "");
    if (Json* state = at(inspect, "State")) hide_pid(*state);
    if (Json* driver = at(inspect, "GraphDriver")) replace(*driver, "Data", nullptr);
    for (const char* key : {"Storage", "Node"}) remove(inspect, key);
}

}  // namespace

void view_network_mode(Json& host_config, const Lookup& job)
{
    const std::string mode = text_or_empty(host_config, "NetworkMode");
    if (const auto name = network_name(mode, job)) replace(host_config, "NetworkMode", *name);
}

void view_endpoints(Json& settings, const std::string& container, const Lookup& job)
{
    auto* networks = object_at(settings, "Networks");
    if (!networks) return;
    Json::object_t shown;
    for (auto& [key, endpoint] : *networks) {
        if (key == "none" || key == "host") {
            if (!text_or_empty(endpoint, "NetworkID").empty())
                replace(endpoint, "NetworkID", builtin_id(key, job.key()));
            shown.insert_or_assign(key, std::move(endpoint));
            continue;
        }
        auto name = network_name(key, job);
        if (!name) name = network_name(text_or_empty(endpoint, "NetworkID"), job);
        if (!name) continue;
        if (*name == "bridge") {  // where Docker has no names
            replace(endpoint, "Aliases", nullptr);
            replace(endpoint, "DNSNames", nullptr);
        }
        view_aliases(endpoint, container, job);
        view_dns_names(endpoint, job);
        name_leading_containers(endpoint, "Links", job);
        shown.insert_or_assign(*name, std::move(endpoint));
    }
    *networks = std::move(shown);
}

Json asked_mounts(const Json* labels)
{
    const std::string text = labels ? text_or_empty(*labels, label_mounts) : std::string();
    return read_json(text).value_or(nullptr);
}

namespace {

/// False: it is none of those that the client asked for.
bool view_path_mount(Json& mount, const Json& shown)
{
    if (!shown.is_object()) return false;
    mount["Type"] = "bind";
    mount["Source"] = text_or_empty(shown, "Source");
    mount["Mode"] = text_or_empty(shown, "Mode");
    mount["Propagation"] = "rprivate";
    remove(mount, "Name");
    remove(mount, "Driver");
    return true;
}

/// A volume that the job does not know: it came from another container of the job, where it stands for a path. An
/// anonymous one, which the engine has just named, is no such volume.
bool is_behind_a_path(const std::string& real, const Lookup& job)
{
    const bool is_anonymous = real.size() == 64 && real.find_first_not_of("0123456789abcdef") == real.npos;
    return !real.empty() && !is_anonymous && !volume_name(real, job);
}

void view_mount_point(Json& mount, const Lookup& job, const ViewFacts& facts)
{
    if (text_or_empty(mount, "Type") == "volume" && is_behind_a_path(text_or_empty(mount, "Name"), job)) {
        view_path_mount(mount, {{"Source", ""}});
        return;
    }
    const std::string source = text_or_empty(mount, "Source");
    if (text_or_empty(mount, "Type") != "volume") {  // of the host there is nothing but the door, whatever the type is
        replace(mount, "Source", !facts.door.empty() && source == facts.door ? "/var/run/docker.sock" : "");
        remove(mount, "Name");
        return;
    }
    const std::string real = text_or_empty(mount, "Name");
    const std::string name = volume_name(real, job).value_or(real);
    replace(mount, "Name", name);
    if (!source.empty()) replace(mount, "Source", volume_path(name));
}

}  // namespace

void view_mount_points(Json& holder, const Json& asked, const Lookup& job, const ViewFacts& facts)
{
    auto* mounts = list_at(holder, "Mounts");
    if (!mounts) return;
    const Json* shown = at(asked, "Shown");
    std::erase_if(*mounts, [&](Json& mount) {
        if (!mount.is_object()) return true;
        const Json* path = shown ? at(*shown, text_or_empty(mount, "Destination")) : nullptr;
        if (path) return !view_path_mount(mount, *path);
        view_mount_point(mount, job, facts);
        return false;
    });
}

std::optional<Json> view_container(Json inspect, const Lookup& job, const ViewFacts& facts)
{
    const std::string id = text_or_empty(inspect, "Id");
    const Named* own = job.by_id(Kind::container, id);
    const auto named = virtual_name(job.key(), text_or_empty(inspect, "Name"));
    if (id.empty() || (!own && !named)) return std::nullopt;
    using enum Json::value_t;
    if (!has_shape(inspect, {{"Config", object}, {"HostConfig", object}, {"NetworkSettings", object}, {"Mounts", array}, {"GraphDriver", object}}))
        return std::nullopt;

    const std::string name = named ? *named : own->name;
    inspect["Name"] = "/" + name;
    Json asked;
    if (Json* config = at(inspect, "Config")) {
        asked = asked_mounts(at(std::as_const(*config), "Labels"));
        replace(*config, "Image",
                image_of_container(at(std::as_const(*config), "Labels"), text_or_empty(*config, "Image"), text_or_empty(inspect, "Image"), job));
        hide_own_labels(*config, "Labels");
    }
    view_host_config(inspect, asked, job, facts);
    view_mount_points(inspect, asked, job, facts);
    if (Json* settings = at(inspect, "NetworkSettings")) {
        view_endpoints(*settings, name, job);
        view_ports(*settings, "Ports", facts, "0.0.0.0");
        move_path(*settings, "SandboxKey", "/var/run/docker/netns");
        fill_flat_address(*settings);
    }
    view_host_traces(inspect, id);
    scrub_all(inspect, job.key());
    return inspect;
}

}  // namespace rules
