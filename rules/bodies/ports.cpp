#include <algorithm>

#include "rules/bodies/parts.h"

// Published ports: how many, and on which address.
namespace rules {
namespace {

Result<void> judge_host_port(const std::string& wanted, const Profile& profile)
{
    if (wanted.empty()) return {};
    const auto range = parse_port_range(wanted);
    if (!range) return bad_request("invalid port specification: \"" + wanted + "\"");
    const auto allowed = parse_port_range(profile.ports_range);
    const bool any = range->first == 0 && range->second == 0;  // the engine chooses
    if (any || (allowed && range->first >= allowed->first && range->second <= allowed->second)) return {};
    return denied("ports.range", "HostConfig.PortBindings", wanted,
                  "publish on one of " + profile.ports_range + ", or name no port of the host");
}

bool publishes_all(const Json& host)
{
    return host.value("PublishAllPorts", false);
}

/// `map` with its keys in their one spelling.
Json with_ports_spelled(const Json& map)
{
    Json spelled = Json::object();
    for (const auto& [key, value] : map.items())
        if (const Result<Ports> ports = parse_ports(key)) spelled[ports->text()] = value;
    return spelled;
}

/// The host's port in its one spelling; empty: the engine chooses.
std::string host_port_spelled(const std::string& wanted)
{
    const auto range = parse_port_range(wanted);
    if (!range || range->second == 0) return {};
    return std::to_string(range->first) + (range->first == range->second ? "" : "-" + std::to_string(range->second));
}

}  // namespace

Result<void> judge_ports(const Json& body, const Profile& profile)
{
    const Json& host = section(body, "HostConfig");
    if (profile.ports_address == "none" && publishes_ports(body))
        return denied("ports.address", publishes_all(host) ? "HostConfig.PublishAllPorts" : "HostConfig.PortBindings",
                      section(host, "PortBindings").dump(), "reach the container by its name on a network of the job");
    std::int64_t published = 0;
    const Json& bound = section(host, "PortBindings");
    for (const auto& [key, bindings] : bound.items()) {
        const Result<Ports> ports = parse_ports(key);
        if (!ports) return tl::unexpected(ports.error());
        if (ports->count() != 1) return bad_request("invalid port specification: \"" + key + "\"");
        for (const Json& binding : bindings)
            if (auto judged = judge_host_port(text(binding, "HostPort"), profile); !judged) return judged;
        published += bindings.empty() ? 1 : static_cast<std::int64_t>(bindings.size());
    }
    const Json spelled = with_ports_spelled(bound);
    if (spelled.size() != bound.size()) return bad_request("berth: a port is given twice in HostConfig.PortBindings");
    for (const auto& [key, nothing] : section(body, "ExposedPorts").items()) {
        const Result<Ports> ports = parse_ports(key);
        if (!ports) return tl::unexpected(ports.error());
        if (publishes_all(host) && !spelled.contains(ports->text())) published += ports->count();
    }
    if (published > profile.published_ports_max)
        return denied("ports.max", publishes_all(host) ? "HostConfig.PublishAllPorts" : "HostConfig.PortBindings",
                      std::to_string(published),
                      "publish at most " + std::to_string(profile.published_ports_max) + " ports of one container");
    return {};
}

bool publishes_ports(const Json& body)
{
    const Json& host = section(body, "HostConfig");
    return publishes_all(host) || !section(host, "PortBindings").empty();
}

void rewrite_ports(Json& body, const std::string& gateway, const Profile& profile)
{
    // Without an address of the job's own nothing may listen for others: then only the host itself can reach it.
    const std::string address = gateway.empty() || profile.ports_address == "loopback" ? "127.0.0.1" : gateway;
    Json& host = body["HostConfig"];
    Json published = with_ports_spelled(section(host, "PortBindings"));
    for (auto& [key, bindings] : published.items()) {
        if (bindings.empty()) bindings.push_back({{"HostPort", ""}});
        // The job has one address: what it asks for on several (0.0.0.0, 127.0.0.1, [::]) is one binding there.
        Json::array_t distinct;
        for (Json& binding : bindings) {
            binding["HostIp"] = address;
            binding["HostPort"] = host_port_spelled(text(binding, "HostPort"));
            if (text(binding, "HostPort").empty() || std::ranges::find(distinct, binding) == distinct.end()) distinct.push_back(std::move(binding));
        }
        bindings = std::move(distinct);
    }
    if (body.contains("ExposedPorts")) body["ExposedPorts"] = with_ports_spelled(body["ExposedPorts"]);
    // The engine would bind the ports of PublishAllPorts to every address of the host: each is named here instead.
    if (publishes_all(host))
        for (const auto& [key, nothing] : section(body, "ExposedPorts").items()) {
            if (parse_ports(key)->count() != 1) continue;  // the engine publishes no ranges
            if (!published.contains(key)) published[key] = Json::array({{{"HostIp", address}, {"HostPort", ""}}});
        }
    host.erase("PublishAllPorts");
    host["PortBindings"] = std::move(published);
}

}  // namespace rules
