#include <algorithm>
#include <array>
#include <charconv>

#include "rules/bodies_parts.h"

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

constexpr Field ipam_fields[] = {
    check("Driver", Type::text),
    check("Config", Type::object_list, &pool_schema),
    deny("Options", Type::text_map, "network-options", "leave it out"),
};
constexpr Schema ipam_schema{"IPAM", ipam_fields};

constexpr Field config_from_fields[] = {deny("Network", Type::text, "network-driver", only_swarm)};
constexpr Schema config_from_schema{"ConfigReference", config_from_fields};

constexpr Field create_fields[] = {
    rewrite("Name", Type::text),
    drop("CheckDuplicate", Type::boolean),
    check("Driver", Type::text),
    check("Scope", Type::text),
    pass("Internal", Type::boolean),
    drop("Attachable", Type::boolean),
    deny("Ingress", Type::boolean, "network-driver", only_swarm),
    deny("ConfigOnly", Type::boolean, "network-driver", only_swarm),
    check("ConfigFrom", Type::object, &config_from_schema),
    check("IPAM", Type::object, &ipam_schema),
    pass("EnableIPv4", Type::boolean),
    pass("EnableIPv6", Type::boolean),
    check("Options", Type::text_map),
    rewrite("Labels", Type::text_map),
};

constexpr Field connect_fields[] = {
    rewrite("Container", Type::text),
    rewrite("EndpointConfig", Type::object, &endpoint_schema),
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

struct Block {
    std::uint32_t address = 0;
    int prefix = 32;

    std::uint32_t mask() const { return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix); }
    bool contains(const Block& other) const
    {
        return other.prefix >= prefix && (other.address & mask()) == (address & mask());
    }
};

std::optional<unsigned> number(std::string_view digits, unsigned most)
{
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool padded = digits.size() > 1 && digits[0] == '0';  // Go refuses 010, others read it as octal
    if (error != std::errc() || end != digits.data() + digits.size() || value > most || padded) return std::nullopt;
    return value;
}

/// `10.1.2.3` or `10.1.2.0/24`; nullopt for anything else, IPv6 among it.
std::optional<Block> parse_block(const std::string& text)
{
    const std::size_t slash = text.find('/');
    Block block;
    const std::vector<std::string> parts = split(text.substr(0, slash), '.');
    if (parts.size() != 4) return std::nullopt;
    for (const std::string& part : parts) {
        const auto byte = number(part, 255);
        if (!byte) return std::nullopt;
        block.address = block.address << 8 | *byte;
    }
    if (slash == std::string::npos) return block;
    const auto prefix = number(std::string_view(text).substr(slash + 1), 32);
    if (!prefix) return std::nullopt;
    block.prefix = static_cast<int>(*prefix);
    return block;
}

/// A pool becomes a route on the host: it must never cover an address that somebody else has.
bool is_private_subnet(const Block& subnet)
{
    constexpr Block private_blocks[] = {{10u << 24, 8}, {172u << 24 | 16u << 16, 12}, {192u << 24 | 168u << 16, 16}};
    return subnet.prefix >= 16 && subnet.prefix <= 30 &&
           std::ranges::any_of(private_blocks, [&](const Block& each) { return each.contains(subnet); });
}

Result<void> judge_pool(const Json& pool, const std::string& where)
{
    if (pool.empty()) return {};
    const auto refused = [&](const std::string& field, const std::string& value) {
        return denied("subnet", where + "." + field, value,
                      "leave it out, or give a private IPv4 subnet (10/8, 172.16/12, 192.168/16) from /16 to /30");
    };
    const std::string given = text(pool, "Subnet");
    const std::optional<Block> subnet = parse_block(given);
    if (!subnet || !is_private_subnet(*subnet)) return refused("Subnet", given);
    for (const char* field : {"IPRange", "Gateway"}) {
        const std::string value = text(pool, field);
        const std::optional<Block> inside = parse_block(value);
        if (!value.empty() && (!inside || !subnet->contains(*inside))) return refused(field, value);
    }
    for (const auto& [host, address] : section(pool, "AuxiliaryAddresses").items()) {
        const std::optional<Block> inside = parse_block(address.get<std::string>());
        if (!inside || !subnet->contains(*inside))
            return refused("AuxiliaryAddresses." + host, address.get<std::string>());
    }
    return {};
}

Result<void> judge_network(const Json& body)
{
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
        if (auto judged = judge_pool(pool, "IPAM.Config[" + std::to_string(at++) + "]"); !judged) return judged;
    return {};
}

/// Attack: a bridge with a subnet of the host's LAN takes the traffic of the host to its registry, its DNS, its metadata service.
Result<void> judge_routes(const Json& body, const std::vector<std::string>& routed)
{
    for (const Json& pool : section(section(body, "IPAM"), "Config")) {
        const std::string given = text(pool, "Subnet");
        const std::optional<Block> subnet = parse_block(given);
        for (const std::string& each : routed) {
            const std::optional<Block> route = parse_block(each);
            if (subnet && route && (route->contains(*subnet) || subnet->contains(*route)))
                return denied("subnet", "IPAM.Config.Subnet", given, "the host routes " + each + " already: leave it out, or give another subnet");
        }
    }
    return {};
}

}  // namespace

constinit const Schema network_create_schema{"NetworkCreate", create_fields};
constinit const Schema network_connect_schema{"NetworkConnect", connect_fields};
constinit const Schema network_disconnect_schema{"NetworkDisconnect", disconnect_fields};

Result<Json> rewrite_network_create(Json body, const Author& author, const std::vector<std::string>& routed)
{
    if (const Result<void> judged = judge_network(body); !judged) return tl::unexpected(judged.error());
    if (const Result<void> judged = judge_routes(body, routed); !judged) return tl::unexpected(judged.error());
    body.erase("ConfigFrom");
    body["Driver"] = "bridge";
    set_labels(body, author);
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
