#include "rules/api/kept.h"

#include <algorithm>
#include <unordered_map>

namespace rules {
namespace {

using enum Keep;

// clang-format off
constexpr Kept table[] = {
    {"ContainerCreate", "Image", reference},
    {"ContainerCreate", "User", word},
    {"ContainerCreate", "Env", variable},
    {"ContainerCreate", "Labels", nothing, word},
    {"ContainerCreate", "ExposedPorts", nothing, number},
    {"ContainerCreate", "Volumes", nothing, path},
    {"ContainerCreate", "MacAddress", address},
    {"ContainerCreate", "StopSignal", word},
    {"ContainerCreate", "name", word},
    {"ContainerCreate", "platform", word},
    {"ContainerCreate", "aliases", word},
    {"ContainerUpdate", "Ulimits", setting},
    {"ContainerUpdate", "CpusetCpus", number},
    {"ContainerUpdate", "CpusetMems", number},
    {"Commit", "Image", reference},
    {"Commit", "User", word},
    {"Commit", "Env", variable},
    {"Commit", "Labels", nothing, word},
    {"Commit", "ExposedPorts", nothing, number},
    {"Commit", "Volumes", nothing, path},
    {"Commit", "StopSignal", word},

    {"HostConfig", "Binds", mount},
    {"HostConfig", "NetworkMode", word},
    {"HostConfig", "VolumeDriver", word},
    {"HostConfig", "VolumesFrom", word},
    {"HostConfig", "Annotations", nothing, word},
    {"HostConfig", "CapAdd", word},
    {"HostConfig", "CapDrop", word},
    {"HostConfig", "CgroupnsMode", word},
    {"HostConfig", "Dns", address},
    {"HostConfig", "DnsOptions", setting},
    {"HostConfig", "ExtraHosts", setting},
    {"HostConfig", "GroupAdd", word},
    {"HostConfig", "IpcMode", word},
    {"HostConfig", "Links", word},
    {"HostConfig", "PidMode", word},
    {"HostConfig", "PortBindings", number, number},
    {"HostConfig", "SecurityOpt", setting},
    {"HostConfig", "StorageOpt", setting, word},
    {"HostConfig", "Tmpfs", setting, path},
    {"HostConfig", "UTSMode", word},
    {"HostConfig", "UsernsMode", word},
    {"HostConfig", "Sysctls", number, word},
    {"HostConfig", "Runtime", word},
    {"HostConfig", "Isolation", word},
    {"HostConfig", "CpusetCpus", number},
    {"HostConfig", "CpusetMems", number},
    {"HostConfig", "Ulimits", setting},
    {"Ulimit", "Name", word},
    {"RestartPolicy", "Name", word},
    {"LogConfig", "Type", word},
    {"LogConfig", "Config", setting, word},
    {"PortBinding", "HostIp", address},
    {"PortBinding", "HostPort", number},
    {"Mount", "Type", word},
    {"Mount", "Source", mount},
    {"Mount", "Target", path},
    {"Mount", "Consistency", word},
    {"BindOptions", "Propagation", word},
    {"VolumeOptions", "Labels", nothing, word},
    {"DriverConfig", "Name", word},
    {"DriverConfig", "Options", setting, word},
    {"TmpfsOptions", "Options", setting},
    {"DeviceMapping", "PathOnHost", device},
    {"DeviceMapping", "PathInContainer", device},
    {"DeviceMapping", "CgroupPermissions", word},
    {"DeviceRequest", "Driver", word},
    {"DeviceRequest", "DeviceIDs", device},
    {"DeviceRequest", "Capabilities", word},

    {"NetworkingConfig", "EndpointsConfig", nothing, word},
    {"EndpointSettings", "Links", word},
    {"EndpointSettings", "Aliases", word},
    {"EndpointSettings", "MacAddress", address},
    {"EndpointSettings", "DriverOpts", setting, word},
    {"EndpointIPAMConfig", "IPv4Address", address},
    {"EndpointIPAMConfig", "IPv6Address", address},

    {"NetworkCreate", "Name", word},
    {"NetworkCreate", "Driver", word},
    {"NetworkCreate", "Scope", word},
    {"NetworkCreate", "Options", setting, word},
    {"NetworkCreate", "Labels", nothing, word},
    {"NetworkConnect", "Container", word},
    {"NetworkDisconnect", "Container", word},
    {"IPAM", "Driver", word},
    {"IPAMConfig", "Subnet", address},
    {"IPAMConfig", "IPRange", address},
    {"IPAMConfig", "Gateway", address},
    {"IPAMConfig", "AuxiliaryAddresses", address, word},
    {"ConfigReference", "Network", word},

    {"VolumeCreate", "Name", word},
    {"VolumeCreate", "Driver", word},
    {"VolumeCreate", "DriverOpts", setting, word},
    {"VolumeCreate", "Labels", nothing, word},

    {"ExecCreate", "Env", variable},
    {"ExecCreate", "User", word},
    {"ExecCreate", "Container", word},
    {"ExecCreate", "containerId", word},
    {"AuthConfig", "serveraddress", registry},

    {"?", "name", word},
    {"?", "names", reference},
    {"?", "container", word},
    {"?", "condition", word},
    {"?", "signal", word},
    {"?", "scope", word},
    {"?", "type", word},
    {"?", "path", path},
    {"?", "ps_args", ps_args},
    {"?", "since", number},
    {"?", "until", number},
    {"?", "before", word},
    {"?", "tail", setting},
    {"?", "filter", reference},
    {"?", "filters", variable, variable},
    {"?", "fromImage", reference},
    {"?", "fromSrc", setting},
    {"?", "repo", reference},
    {"?", "tag", word},
    {"?", "changes", instruction},
    {"?", "platform", word, word},
    {"?", "platforms", word, word},
    {"?", "t", reference},
    {"?", "target", word},
    {"?", "networkmode", word},
    {"?", "isolation", word},
    {"?", "cachefrom", reference},
    {"?", "buildargs", nothing, word},
    {"?", "labels", nothing, word},
    {"?", "extrahosts", setting},
    {"?", "ulimits", word, word},
    {"?", "cpusetcpus", number},
    {"?", "cpusetmems", number},
    {"?", "securityopt", setting},
    {"?", "version", number},
};
// clang-format on

constexpr Kept none{"", "", nothing, nothing};
constexpr Kept of_a_number{"", "", number, nothing};

const Kept& find(std::string_view holder, std::string_view field)
{
    const auto found = std::ranges::find_if(table, [&](const Kept& each) { return each.field == field && each.holder == holder; });
    return found == std::end(table) ? none : *found;
}

/// Looked up for every field of every body that is kept: once by their names, then by where they stand.
using Rows = std::unordered_map<const Field*, const Kept*>;

void add_rows(const Schema& schema, Rows& all)
{
    for (const Field& field : schema.fields) {
        if (const Kept& row = find(schema.name, field.name); !row.field.empty()) all.emplace(&field, &row);
        if (field.inside) add_rows(*field.inside, all);
    }
}

std::string_view type_name(Type type)
{
    constexpr std::string_view names[] = {"boolean",      "number", "text",        "text_list",  "text_list",       "text_map",
                                          "number_list", "object", "object_list", "object_map", "object_list_map", "any"};
    return names[static_cast<std::size_t>(type)];
}

void add_value_places(const Endpoint& row, const Schema& schema, const std::string& path, std::vector<ValuePlace>& all)
{
    for (const Field& field : schema.fields) {
        std::string at = path + (path.empty() ? "" : ".") + std::string(field.name);
        if (!field.inside) {
            all.push_back({&row, std::move(at), false, type_name(field.type), &kept_of(field)});
            continue;
        }
        if (field.type == Type::object_map || field.type == Type::object_list_map) {
            all.push_back({&row, at, false, type_name(field.type), &kept_of(field)});
            at += "{}";
        }
        if (field.type == Type::object_list || field.type == Type::object_list_map) at += "[]";
        add_value_places(row, *field.inside, at, all);
    }
}

}  // namespace

std::string_view keep_name(Keep keep)
{
    constexpr std::string_view names[] = {"nothing", "word",  "number",  "address",  "reference",   "registry", "path",
                                          "device",  "mount", "setting", "variable", "instruction", "ps_args"};
    return names[static_cast<std::size_t>(keep)];
}

std::span<const Kept> kept()
{
    return table;
}

const Kept& kept_of(const Field& field)
{
    static const Rows rows = [] {
        Rows all;
        for (const Endpoint& row : endpoints())
            if (row.schema) add_rows(*row.schema, all);
        return all;
    }();
    const auto found = rows.find(&field);
    return found == rows.end() ? none : *found->second;
}

const Kept& kept_of(const Param& param)
{
    if (param.type == ParamType::boolean || param.type == ParamType::integer) return of_a_number;
    return find("?", param.name);
}

std::vector<ValuePlace> value_places()
{
    std::vector<ValuePlace> all;
    for (const Endpoint& row : endpoints()) {
        if (row.schema) add_value_places(row, *row.schema, {}, all);
        for (const Param& param : row.params) {
            constexpr std::string_view types[] = {"text", "boolean", "number", "text", "json"};
            all.push_back({&row, std::string(param.name), true, types[static_cast<std::size_t>(param.type)], &kept_of(param)});
        }
    }
    return all;
}

}  // namespace rules
