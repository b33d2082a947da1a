#include <algorithm>
#include <array>

#include "rules/names/names.h"
#include "rules/views/list_view.h"
#include "rules/views/parts.h"
#include "rules/views/views.h"

namespace rules {

using namespace parts;

namespace {

constexpr std::array<std::string_view, 3> builtin_names = {"bridge", "host", "none"};

bool is_builtin(std::string_view name)
{
    return std::ranges::find(builtin_names, name) != builtin_names.end();
}

Json default_bridge_options()
{
    return {{"com.docker.network.bridge.default_bridge", "true"},
            {"com.docker.network.bridge.enable_icc", "true"},
            {"com.docker.network.bridge.enable_ip_masquerade", "true"},
            {"com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"},
            {"com.docker.network.bridge.name", "docker0"},
            {"com.docker.network.driver.mtu", "1500"}};
}

/// A network that Docker always has. IPAM of `bridge` stays empty: an invented gateway would be believed.
Json synthesised(std::string_view name, const std::string& id)
{
    Json network = {{"Name", name},
                    {"Id", id},
                    {"Created", "0001-01-01T00:00:00Z"},
                    {"Scope", "local"},
                    {"Driver", name == "none" ? "null" : name},
                    {"EnableIPv4", true},
                    {"EnableIPv6", false},
                    {"Internal", false},
                    {"Attachable", false},
                    {"Ingress", false},
                    {"ConfigOnly", false}};
    network["IPAM"] = {{"Driver", "default"}, {"Options", nullptr}, {"Config", Json::array()}};
    network["ConfigFrom"] = {{"Network", ""}};
    network["Containers"] = Json::object();
    network["Options"] = name == "bridge" ? default_bridge_options() : Json::object();
    network["Labels"] = Json::object();
    return network;
}

/// Of Docker's own options only those that a client may set: the others say what berth chose.
bool is_open_option(std::string_view option)
{
    constexpr std::array<std::string_view, 4> open = {
        "com.docker.network.driver.mtu", "com.docker.network.bridge.enable_icc",
        "com.docker.network.bridge.enable_ip_masquerade", "com.docker.network.container_iface_prefix"};
    return !option.starts_with("com.docker.network.") || std::ranges::find(open, option) != open.end();
}

/// Inspect's Containers: the job's own, under their names.
void view_members(Json& network, const Lookup& job)
{
    auto* members = object_at(network, "Containers");
    if (!members) return;
    std::erase_if(*members, [&](const auto& member) { return !job.by_id(Kind::container, member.first); });
    for (auto& [id, member] : *members) {
        const std::string real = text_or_empty(member, "Name");
        const Named* own = job.by_id(Kind::container, id);
        replace(member, "Name", virtual_name(job.key(), real).value_or(own ? own->name : real));
    }
}

/// The network under the name `name`.
Json view_network_named(Json network, const std::string& name, const Lookup& job)
{
    network["Name"] = name;
    hide_own_labels(network, "Labels");
    view_members(network, job);
    if (name == "bridge")
        replace(network, "Options", default_bridge_options());
    else if (auto* options = object_at(network, "Options"))
        std::erase_if(*options, [](const auto& option) { return !is_open_option(option.first); });
    for (const char* key : {"Peers", "Services"}) remove(network, key);
    scrub_all(network, job.key());
    return network;
}

Result<void> check_filters(const Filters& filters)
{
    for (const std::string& type : filters.values("type"))
        if (type != "builtin" && type != "custom") return bad_request("invalid filter 'type=" + type + "'");
    if (const auto flag = filters.flag("dangling", false); !flag) return tl::unexpected(flag.error());
    return {};
}

bool passes(const Json& network, const Filters& filters)
{
    const std::string name = text_or_empty(network, "Name");
    const Json* labels = at(network, "Labels");
    // The engine has judged `dangling` by use; Docker's own networks never dangle.
    if (is_builtin(name) && filters.flag("dangling", false).value_or(false)) return false;
    return filters.any_match("name", name) && filters.any_match("id", text_or_empty(network, "Id")) &&
           filters.any_equal("driver", text_or_empty(network, "Driver")) &&
           filters.any_equal("scope", text_or_empty(network, "Scope")) &&
           filters.any_equal("type", is_builtin(name) ? "builtin" : "custom") &&
           filters.labels_match(labels ? *labels : Json::object());
}

/// The id of a network that the list lacks: a `dangling` filter may have left out a `bridge` that is made.
std::string shown_id(std::string_view name, const Lookup& job)
{
    if (name == "bridge")
        if (const Result<Named> made = job.network(name)) return made->id;
    return builtin_id(name, job.key());
}

/// `reference` is `id` in full, or as the 12 digits or more that clients print.
bool names_id(std::string_view reference, std::string_view id)
{
    return reference.size() >= 12 && id.starts_with(reference);
}

class NetworkList final : public ListView {
public:
    NetworkList(const Filters& filters, const Lookup& job) : filters_(filters), job_(job) {}

    std::optional<Json> show(Json element) override
    {
        const Named* own = job_.by_id(Kind::network, text_or_empty(element, "Id"));
        if (!own) return std::nullopt;
        has_bridge_ = has_bridge_ || own->name == "bridge";
        Json seen = view_network_named(std::move(element), own->name, job_);
        return passes(seen, filters_) ? std::optional(std::move(seen)) : std::nullopt;
    }

    Json::array_t rest() override
    {
        Json::array_t networks;
        for (const std::string_view name : builtin_names) {
            if (name == "bridge" && has_bridge_) continue;
            Json network = synthesised(name, shown_id(name, job_));
            if (passes(network, filters_)) networks.push_back(std::move(network));
        }
        return networks;
    }

private:
    const Filters& filters_;
    const Lookup& job_;
    bool has_bridge_ = false;
};

}  // namespace

std::optional<Json> builtin_network(std::string_view reference, const Lookup& job)
{
    if (reference == "default") reference = "bridge";
    for (const std::string_view name : builtin_names) {
        const std::string id = builtin_id(name, job.key());
        if (reference != name && !names_id(reference, id)) continue;
        if (name == "bridge" && job.network(name)) return std::nullopt;
        return synthesised(name, id);
    }
    return std::nullopt;
}

std::optional<Json> view_network(Json inspect, const Lookup& job, const ViewFacts&)
{
    const std::string id = text_or_empty(inspect, "Id");
    const std::string real = text_or_empty(inspect, "Name");
    auto name = virtual_name(job.key(), real);
    if (!name) name = network_name(id, job);
    if (id.empty() || !name) return std::nullopt;
    return view_network_named(std::move(inspect), *name, job);
}

ListViewResult network_list_view(const Filters& filters, const Lookup& job)
{
    if (const auto checked = check_filters(filters); !checked) return tl::unexpected(checked.error());
    return std::make_unique<NetworkList>(filters, job);
}

Result<Json> view_networks(Json list, const Filters& filters, const Lookup& job, const ViewFacts&)
{
    return view_list(std::move(list), network_list_view(filters, job));
}

}  // namespace rules
