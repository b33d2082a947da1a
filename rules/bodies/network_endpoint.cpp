#include <algorithm>
#include <array>
#include <set>

#include "rules/bodies/parts.h"

// How a container stands on networks: its modes, its endpoints, its links.
namespace rules {
namespace {

constexpr std::array interface_option = {"com.docker.network.endpoint.ifname"};

constexpr Field ipam_fields[] = {
    pass("IPv4Address", Type::text),
    pass("IPv6Address", Type::text),
    deny("LinkLocalIPs", Type::text_list, "link-local", "give IPv4Address or IPv6Address inside the network's subnet"),
};
constexpr Schema ipam_schema{"EndpointIPAMConfig", ipam_fields};

// What the engine reports of an endpoint is not for a client to set. NetworkID would even win over the network's name.
constexpr Field endpoint_fields[] = {
    pass("IPAMConfig", Type::object, &ipam_schema),
    at_most(512, rewrite("Links", Type::text_list)),
    at_most(512, rewrite("Aliases", Type::text_list)),
    pass("MacAddress", Type::text),
    since(32, check("DriverOpts", Type::text_map)),
    since(48, pass("GwPriority", Type::integer)),
    drop("NetworkID", Type::text),
    drop("EndpointID", Type::text),
    drop("Gateway", Type::text),
    drop("IPAddress", Type::text),
    drop("IPPrefixLen", Type::integer),
    drop("IPv6Gateway", Type::text),
    drop("GlobalIPv6Address", Type::text),
    drop("GlobalIPv6PrefixLen", Type::integer),
    drop("DNSNames", Type::text_list),
};

bool is_default(std::string_view network)
{
    return network.empty() || network == "default" || network == "bridge";
}
bool is_shared(std::string_view mode)
{
    return shared_container(mode).has_value();
}

const Json& endpoints_of(const Json& body)
{
    return section(section(body, "NetworkingConfig"), "EndpointsConfig");
}

/// NetworkMode as dockerd takes it: when none is given, the endpoints say where the container goes.
std::string network_mode(const Json& body)
{
    const std::string mode = text(section(body, "HostConfig"), "NetworkMode");
    const Json& endpoints = endpoints_of(body);
    if (!is_default(mode)) return mode;
    if (endpoints.empty() ||
        std::ranges::any_of(endpoints.items(), [](const auto& each) { return is_default(each.key()); }))
        return "bridge";
    return endpoints.begin().key();
}

/// The engine resolves links by DNS name when the container starts: only the real name is sure to be ours.
Result<Json> real_links(const Json& links, const Lookup& job)
{
    Json sent = Json::array();
    for (const Json& spec : links) {
        const Result<Link> link = parse_link(spec.get<std::string>());
        if (!link) return tl::unexpected(link.error());
        if (auto judged = judge_host_name(link->alias, "Links"); !judged) return tl::unexpected(judged.error());
        const Result<Named> container = job.container(link->container);
        if (!container) return tl::unexpected(container.error());
        sent.push_back(container->real + ":" + link->alias);
    }
    return sent;
}

/// The real name of a network that a container can join.
Result<std::string> joined_network(const std::string& network, const Lookup& job)
{
    const Result<Named> found = job.network(is_default(network) ? "bridge" : network);
    if (!found) return tl::unexpected(found.error());
    return found->real;
}

tl::unexpected<Error> conflicting_networks()
{
    return bad_request("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
}

Result<void> judge_joined(const std::string& network, const Lookup& job, const std::string& where,
                          ContainerNeeds& needs)
{
    if (network == "host")
        return denied("host-namespace", where, network, "leave it out, or name a network that the job has made");
    if (network == "none" || is_shared(network)) return conflicting_networks();
    if (is_default(network)) {
        needs.default_network = true;
        return {};
    }
    const Result<Named> found = job.network(network);
    return found ? Result<void>() : tl::unexpected(found.error());
}

}  // namespace

constinit const Schema network_endpoint_schema{"EndpointSettings", endpoint_fields};

Result<std::string> shared_namespace(const std::string& mode, const Lookup& job)
{
    const auto reference = shared_container(mode);
    if (!reference) return mode;
    const Result<Named> container = job.container(*reference);
    if (!container) return tl::unexpected(container.error());
    return "container:" + container->id;
}

bool joins_networks(const Json& body)
{
    const std::string mode = network_mode(body);
    return mode != "none" && !is_shared(mode);
}

Result<void> judge_endpoint(const Json& endpoint, const std::string& where, const Lookup& job)
{
    for (const auto& [key, value] : section(endpoint, "DriverOpts").items())
        if (std::ranges::find(interface_option, key) == interface_option.end())
            return denied("endpoint-options", where + ".DriverOpts." + key, value.get<std::string>(), "leave it out");
    for (const Json& alias : section(endpoint, "Aliases"))
        if (auto judged = judge_host_name(alias.get<std::string>(), where + ".Aliases"); !judged) return judged;
    const Result<Json> links = real_links(section(endpoint, "Links"), job);
    return links ? Result<void>() : tl::unexpected(links.error());
}

Result<Json> rewritten_endpoint(Json endpoint, const std::string& alias, const Lookup& job)
{
    if (!section(endpoint, "Links").empty()) {
        Result<Json> links = real_links(endpoint["Links"], job);
        if (!links) return links;
        endpoint["Links"] = std::move(*links);
    }
    std::vector<std::string> aliases;
    const auto add = [&](const std::string& each) {
        if (std::ranges::find(aliases, each) == aliases.end()) aliases.push_back(each);
    };
    for (const Json& given : section(endpoint, "Aliases")) add(given.get<std::string>());
    add(alias);
    endpoint["Aliases"] = std::move(aliases);
    return endpoint;
}

Result<void> judge_networks(const Json& body, const Lookup& job, const Profile& profile, ContainerNeeds& needs)
{
    const Json& host = section(body, "HostConfig");
    const Json& endpoints = endpoints_of(body);
    const std::string mode = network_mode(body);
    const Json& links = section(host, "Links");
    if (const Result<Json> real = real_links(links, job); !real) return tl::unexpected(real.error());

    if (is_shared(mode)) {
        if (!links.empty())
            return bad_request(
                "conflicting options: container type network can't be used with links. This would result in undefined "
                "behavior");
        if (publishes_ports(body))
            return bad_request("conflicting options: port publishing and the container type network mode");
        if (!shares_namespace(profile, "network"))
            return denied("namespaces.shared", "HostConfig.NetworkMode", mode,
                          "put both containers on a network that the job has made");
        if (const auto shared = shared_namespace(mode, job); !shared) return tl::unexpected(shared.error());
    } else if (mode != "none") {
        if (auto judged = judge_joined(mode, job, "HostConfig.NetworkMode", needs); !judged) return judged;
    }

    std::set<std::string> seen;
    for (const auto& [network, endpoint] : endpoints.items()) {
        const std::string where = "NetworkingConfig.EndpointsConfig." + network;
        if (!joins_networks(body)) {
            if (network == mode) continue;  // the CLI repeats `none` here
            if (network != "host") return conflicting_networks();
        }
        if (auto judged = judge_joined(network, job, where, needs); !judged) return judged;
        const Result<std::string> real = is_default(network) ? "bridge" : joined_network(network, job);
        if (real && !seen.insert(*real).second)
            return bad_request("berth: the network " + network + " is given twice in NetworkingConfig.EndpointsConfig");
        if (auto judged = judge_endpoint(endpoint, where, job); !judged) return judged;
    }
    return {};
}

Result<void> rewrite_networks(Json& body, const std::string& name, const Lookup& job, const RewriteContext& context)
{
    Json& host = body["HostConfig"];
    const std::string mode = network_mode(body);
    const Json links = section(host, "Links");
    host.erase("Links");  // docker0's: no container of a job is ever there
    if (!joins_networks(body)) {
        const Result<std::string> shared = shared_namespace(mode, job);
        if (!shared) return tl::unexpected(shared.error());
        host["NetworkMode"] = *shared;
        body.erase("NetworkingConfig");
        return {};
    }

    const Result<std::string> primary = joined_network(mode, job);
    if (!primary) return tl::unexpected(primary.error());
    Json wanted = {{*primary, Json::object()}};
    for (const auto& [network, endpoint] : endpoints_of(body).items()) {
        const Result<std::string> real = joined_network(network, job);
        if (!real) return tl::unexpected(real.error());
        wanted[*real] = endpoint;
    }
    // The older clients' places of what an endpoint holds since 1.44.
    for (const Json& link : links) wanted[*primary]["Links"].push_back(link);
    if (const std::string mac = text(body, "MacAddress"); !mac.empty() && context.version >= Version{1, 44}) {
        if (text(wanted[*primary], "MacAddress").empty()) wanted[*primary]["MacAddress"] = mac;
        body.erase("MacAddress");
    }

    for (auto& [network, endpoint] : wanted.items()) {
        Result<Json> sent = rewritten_endpoint(endpoint, name, job);
        if (!sent) return tl::unexpected(sent.error());
        endpoint = std::move(*sent);
    }
    host["NetworkMode"] = *primary;
    body["NetworkingConfig"] = {{"EndpointsConfig", std::move(wanted)}};
    return {};
}

}  // namespace rules
