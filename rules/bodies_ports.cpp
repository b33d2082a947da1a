#include <algorithm>
#include <utility>

#include "rules/bodies_parts.h"
#include "rules/knob_values.h"

// Published ports: how many, and on which address.
namespace rules {
namespace {

/// `80/tcp`, `8000-8010/udp`, `80`.
struct Ports {
    int first = 0;
    int last = 0;

    int count() const { return last - first + 1; }
};

std::optional<Ports> parse_ports(std::string_view text)
{
    const std::size_t slash = text.find('/');
    const std::string_view protocol = slash == std::string_view::npos ? "tcp" : text.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") return std::nullopt;
    const auto range = parse_port_range(text.substr(0, slash));
    if (!range || range->first == 0) return std::nullopt;
    return Ports{range->first, range->second};
}

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

constexpr std::string_view host_gateway = "host-gateway";

bool is_host_gateway(const Json& entry)
{
    const auto* text = entry.get_ptr<const std::string*>();
    const std::size_t cut = text ? text->find_first_of(":=") : std::string::npos;
    return cut != std::string::npos && std::string_view(*text).substr(cut + 1) == host_gateway;
}

bool publishes_all(const Json& host)
{
    return host.value("PublishAllPorts", false);
}

}  // namespace

Result<void> judge_ports(const Json& body, const Profile& profile)
{
    const Json& host = section(body, "HostConfig");
    if (profile.ports_address == "none" && publishes_ports(body))
        return denied("ports.address", publishes_all(host) ? "HostConfig.PublishAllPorts" : "HostConfig.PortBindings",
                      section(host, "PortBindings").dump(), "reach the container by its name on a network of the job");
    std::int64_t published = 0;
    for (const auto& [key, bindings] : section(host, "PortBindings").items()) {
        const std::optional<Ports> ports = parse_ports(key);
        if (!ports || ports->count() != 1) return bad_request("invalid port specification: \"" + key + "\"");
        for (const Json& binding : bindings)
            if (auto judged = judge_host_port(text(binding, "HostPort"), profile); !judged) return judged;
        published += bindings.empty() ? 1 : static_cast<std::int64_t>(bindings.size());
    }
    for (const auto& [key, nothing] : section(body, "ExposedPorts").items()) {
        const std::optional<Ports> ports = parse_ports(key);
        if (!ports) return bad_request("invalid port specification: \"" + key + "\"");
        if (publishes_all(host) && !section(host, "PortBindings").contains(key)) published += ports->count();
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
    Json published = section(host, "PortBindings");
    for (auto& [key, bindings] : published.items()) {
        if (bindings.empty()) bindings.push_back({{"HostPort", ""}});
        // The job has one address: what it asks for on several (0.0.0.0, 127.0.0.1, [::]) is one binding there.
        Json::array_t distinct;
        for (Json& binding : bindings) {
            binding["HostIp"] = address;
            const bool any = text(binding, "HostPort").empty() || text(binding, "HostPort") == "0";
            if (any || std::ranges::find(distinct, binding) == distinct.end()) distinct.push_back(std::move(binding));
        }
        bindings = std::move(distinct);
    }
    // The engine would bind the ports of PublishAllPorts to every address of the host: each is named here instead.
    if (publishes_all(host))
        for (const auto& [key, nothing] : section(body, "ExposedPorts").items()) {
            const std::optional<Ports> ports = parse_ports(key);
            if (!ports || ports->count() != 1) continue;  // the engine publishes no ranges
            if (!published.contains(key)) published[key] = Json::array({{{"HostIp", address}, {"HostPort", ""}}});
        }
    host.erase("PublishAllPorts");
    host["PortBindings"] = std::move(published);
}

bool names_host_gateway(const Json& host)
{
    return std::ranges::any_of(section(host, "ExtraHosts"), is_host_gateway);
}

void rewrite_host_gateway(Json& host, const std::string& gateway)
{
    if (gateway.empty() || !host.contains("ExtraHosts")) return;
    for (Json& entry : host["ExtraHosts"])
        if (is_host_gateway(entry)) {
            const auto asked = entry.get<std::string>();
            entry = asked.substr(0, asked.size() - host_gateway.size()) + gateway;
        }
}

}  // namespace rules
