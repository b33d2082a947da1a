#include <algorithm>
#include <array>

#include "rules/bodies/parts.h"
#include "rules/names/firewall.h"

namespace rules {
namespace {

constexpr std::string_view only_swarm = "networks of a job are local bridges; leave it out";

constexpr Field pool_fields[] = {
    check("Subnet", Type::text),
    check("IPRange", Type::text),
    check("Gateway", Type::text),
    check("AuxiliaryAddresses", Type::text_map),
};
constexpr Schema pool_schema{"IPAMConfig", pool_fields};

constexpr Field ipam_of_network_fields[] = {
    check("Driver", Type::text),
    check("Config", Type::object_list, &pool_schema),
    deny("Options", Type::text_map, "network-options", "leave it out"),
};
constexpr Schema ipam_of_network_schema{"IPAM", ipam_of_network_fields};

constexpr Field config_from_fields[] = {deny("Network", Type::text, "network-driver", only_swarm)};
constexpr Schema config_from_schema{"ConfigReference", config_from_fields};

constexpr Field network_fields[] = {
    rewrite("Name", Type::text),
    drop("CheckDuplicate", Type::boolean),
    check("Driver", Type::text),
    since(41, check("Scope", Type::text)),
    pass("Internal", Type::boolean),
    drop("Attachable", Type::boolean),
    deny("Ingress", Type::boolean, "network-driver", only_swarm),
    deny("ConfigOnly", Type::boolean, "network-driver", only_swarm),
    since(41, check("ConfigFrom", Type::object, &config_from_schema)),
    check("IPAM", Type::object, &ipam_of_network_schema),
    check("EnableIPv4", Type::boolean),
    pass("EnableIPv6", Type::boolean),
    check("Options", Type::text_map),
    long_texts(rewrite("Labels", Type::text_map)),
};

constexpr Field connect_fields[] = {
    rewrite("Container", Type::text),
    rewrite("EndpointConfig", Type::object, &network_endpoint_schema),
};

constexpr Field disconnect_fields[] = {
    rewrite("Container", Type::text),
    pass("Force", Type::boolean),
};

constexpr std::array bridge_options = {
    "com.docker.network.driver.mtu",
    "com.docker.network.bridge.enable_icc",
    "com.docker.network.bridge.enable_ip_masquerade",
    "com.docker.network.container_iface_prefix",
};

/// A pool becomes a route on the host: it must never cover an address that somebody else has.
bool is_open_subnet(const Subnet& subnet)
{
    return subnet.prefix >= 16 && subnet.prefix <= 30 && is_private(subnet);
}

Result<void> judge_pool(const Json& pool, const std::string& where, const Profile& profile)
{
    if (pool.empty()) return {};
    const auto refused = [&](const std::string& field, const std::string& value) {
        return denied("subnet", where + "." + field, value,
                      "leave it out, or give a private IPv4 subnet (10/8, 172.16/12, 192.168/16) from /16 to /30");
    };
    const std::string given = text(pool, "Subnet");
    const std::optional<Subnet> subnet = parse_subnet(given);
    if (!subnet || !is_open_subnet(*subnet)) return refused("Subnet", given);
    const auto allowed = parse_subnets(profile.network_subnets);
    if (std::ranges::none_of(allowed, [&](const Subnet& each) { return each.contains(*subnet); }))
        return denied(
            "networks.subnets", where + ".Subnet", given,
            allowed.empty() ? "leave it out" : "leave it out, or give one within " + joined(profile.network_subnets));
    for (const char* field : {"IPRange", "Gateway"}) {
        const std::string value = text(pool, field);
        const std::optional<Subnet> inside = parse_subnet(value);
        if (!value.empty() && (!inside || !subnet->contains(*inside))) return refused(field, value);
    }
    for (const auto& [host, address] : section(pool, "AuxiliaryAddresses").items()) {
        const std::optional<Subnet> inside = parse_subnet(address.get<std::string>());
        if (!inside || !subnet->contains(*inside))
            return refused("AuxiliaryAddresses." + host, address.get<std::string>());
    }
    return {};
}

Result<void> judge_network(const Json& body, const Profile& profile)
{
    if (profile.network_drivers.empty())
        return denied("networks.drivers", "Driver", text(body, "Driver"), "use the job's default network");
    if (const std::string driver = text(body, "Driver"); !driver.empty() && driver != "bridge")
        return denied("network-driver", "Driver", driver, "use the bridge driver, or leave it out");
    if (const std::string scope = text(body, "Scope"); !scope.empty() && scope != "local")
        return denied("network-driver", "Scope", scope, std::string(only_swarm));
    for (const auto& [key, value] : section(body, "Options").items())
        if (std::ranges::find(bridge_options, key) == bridge_options.end())
            return denied("network-options", "Options." + key, value.get<std::string>(), "leave it out");

    const Json& ipam = section(body, "IPAM");
    if (const std::string driver = text(ipam, "Driver"); !driver.empty() && driver != "default")
        return denied("network-driver", "IPAM.Driver", driver, "use the default driver, or leave it out");
    std::size_t at = 0;
    for (const Json& pool : section(ipam, "Config"))
        if (auto judged = judge_pool(pool, "IPAM.Config[" + std::to_string(at++) + "]", profile); !judged)
            return judged;
    if (at > 1) return bad_request("bridge driver doesn't support multiple subnets");
    return {};
}

}  // namespace

constinit const Schema network_create_schema{"NetworkCreate", network_fields};
constinit const Schema network_connect_schema{"NetworkConnect", connect_fields};
constinit const Schema network_disconnect_schema{"NetworkDisconnect", disconnect_fields};

Result<Json> rewrite_network_create(Json body, const Profile& profile, const RewriteContext& context)
{
    if (const Result<void> judged = judge_network(body, profile); !judged) return tl::unexpected(judged.error());
    // By the version of the request, too: in an older one the engine ignores EnableIPv4.
    if (constexpr Version optional_ipv4{1, 48}; !body.value("EnableIPv4", true) && context.version < optional_ipv4)
        return too_new("EnableIPv4=false", optional_ipv4, context.version);
    body.erase("ConfigFrom");
    body["Driver"] = "bridge";
    set_labels(body, context);
    return body;
}

std::optional<Subnet> wanted_subnet(const Json& body)
{
    for (const Json& pool : section(section(body, "IPAM"), "Config"))
        if (const auto subnet = parse_subnet(text(pool, "Subnet"))) return subnet->whole();
    return std::nullopt;
}

Json placed_network(Json body, const std::optional<Subnet>& subnet, const std::string& bridge)
{
    if (subnet && !wanted_subnet(body)) {
        Json config = {{"Subnet", to_string(*subnet)}, {"Gateway", gateway_of(*subnet)}};
        body["IPAM"]["Driver"] = "default";
        body["IPAM"]["Config"] = Json::array({std::move(config)});
    }
    if (body.value("EnableIPv6", false)) {
        body["IPAM"]["Driver"] = "default";
        body["IPAM"]["Config"].push_back({{"Subnet", subnet6_of(bridge)}});
    }
    body["Options"]["com.docker.network.bridge.name"] = bridge;
    return body;
}

Result<Json> rewrite_network_connect(Json body, const Lookup& job)
{
    const Result<Named> container = job.container(text(body, "Container"));
    if (!container) return tl::unexpected(container.error());
    const Json endpoint = section(body, "EndpointConfig");
    if (const Result<void> judged = judge_endpoint(endpoint, "EndpointConfig", job); !judged)
        return tl::unexpected(judged.error());
    Result<Json> sent = rewritten_endpoint(endpoint, container->name, job);
    if (!sent) return sent;
    return Json{{"Container", container->id}, {"EndpointConfig", std::move(*sent)}};
}

Result<Json> rewrite_network_disconnect(Json body, const Lookup& job)
{
    // With Force the engine takes a name that it does not know for an endpoint's, and removes that: only an id goes on.
    const Result<Named> container = job.container(text(body, "Container"));
    if (!container) return tl::unexpected(container.error());
    body["Container"] = container->id;
    return body;
}

}  // namespace rules
