#include "rules/views_containers.h"

#include <algorithm>
#include <unordered_set>

#include "rules/names.h"
#include "rules/views_parts.h"

namespace rules {

using namespace parts;

namespace {

/// One line of the list as the job sees it; nullopt when it is not the job's.
std::optional<Json> view_summary(Json entry, const Lookup& job, const ViewFacts& facts)
{
    const Named* own = job.by_id(Kind::container, text_or_empty(entry, "Id"));
    using enum Json::value_t;
    if (!own || !has_shape(entry, {{"Labels", object}, {"HostConfig", object}, {"NetworkSettings", object}, {"Mounts", array}, {"Ports", array}})) return std::nullopt;
    std::string name = own->name;
    if (const auto* names = list_at(entry, "Names"))  // a link adds names of its own
        for (const Json& each : *names)
            if (const auto* real = each.get_ptr<const std::string*>())
                name = virtual_name(job.key(), *real).value_or(name);
    replace(entry, "Names", Json::array({"/" + name}));
    replace(entry, "Image", image_of_container(at(std::as_const(entry), "Labels"), text_or_empty(entry, "Image"), text_or_empty(entry, "ImageID"), job));
    const Json asked = asked_mounts(at(std::as_const(entry), "Labels"));
    hide_own_labels(entry, "Labels");
    if (Json* host = at(entry, "HostConfig")) {
        view_network_mode(*host, job);
        hide_own_labels(*host, "Annotations");
    }
    if (Json* settings = at(entry, "NetworkSettings")) view_endpoints(*settings, name, job);
    view_mount_points(entry, asked, job, facts);
    if (auto* ports = list_at(entry, "Ports"))
        for (Json& port : *ports)
            if (facts.binds_ports_to(text_or_empty(port, "IP"))) replace(port, "IP", "0.0.0.0");
    scrub_all(entry, job.key());
    return entry;
}

/// dockerd takes an `id` value that is the prefix of exactly one container.
bool id_matches(const std::string& id, const Filters& filters, const Json::array_t& entries)
{
    if (!filters.has("id")) return true;
    return std::ranges::any_of(filters.values("id"), [&](const std::string& prefix) {
        return !prefix.empty() && id.starts_with(prefix) && std::ranges::count_if(entries, [&](const Json& entry) {
                                                                return text_or_empty(entry, "Id").starts_with(prefix);
                                                            }) == 1;
    });
}

bool name_matches(Json& entry, const Filters& filters)
{
    const auto* names = list_at(entry, "Names");
    const auto* name = names && !names->empty() ? names->front().get_ptr<const std::string*>() : nullptr;
    return name && (filters.any_match("name", *name) || filters.any_match("name", name->substr(1)));
}

bool network_matches(Json& entry, const Filters& filters)
{
    if (!filters.has("network")) return true;
    Json* settings = at(entry, "NetworkSettings");
    const auto* networks = settings ? object_at(*settings, "Networks") : nullptr;
    if (!networks) return false;
    return std::ranges::any_of(filters.values("network"), [&](const std::string& value) {
        return std::ranges::any_of(*networks, [&](const auto& network) {
            return network.first == value || text_or_empty(network.second, "NetworkID").starts_with(value);
        });
    });
}

bool volume_matches(Json& entry, const Filters& filters)
{
    if (!filters.has("volume")) return true;
    const auto* mounts = list_at(entry, "Mounts");
    if (!mounts) return false;
    return std::ranges::any_of(*mounts, [&](const Json& mount) {
        const std::string name = text_or_empty(mount, "Name");
        return filters.any_equal("volume", name.empty() ? text_or_empty(mount, "Source") : name) ||
               filters.any_equal("volume", text_or_empty(mount, "Destination"));
    });
}

/// The ids of images that `ancestor` names; what the job does not have names nothing, as with dockerd.
std::unordered_set<std::string> ancestors(const Filters& filters, const Lookup& job)
{
    std::unordered_set<std::string> ids;
    for (const std::string& reference : filters.values("ancestor"))
        if (const Result<Named> image = job.image(reference)) ids.insert(image->id);
    return ids;
}

/// Cuts the list, newest first, to what `before` and `since` leave.
Result<void> cut(Json::array_t& entries, const Filters& filters, const Lookup& job)
{
    const auto place_of = [&](const std::string& id) {
        return std::ranges::find_if(entries, [&](const Json& entry) { return text_or_empty(entry, "Id") == id; });
    };
    for (const std::string& reference : filters.values("before")) {
        const Result<Named> container = job.container(reference);
        if (!container) return tl::unexpected(container.error());
        const auto place = place_of(container->id);
        entries.erase(entries.begin(), place == entries.end() ? place : place + 1);
    }
    for (const std::string& reference : filters.values("since")) {
        const Result<Named> container = job.container(reference);
        if (!container) return tl::unexpected(container.error());
        // One that `before` has cut away already is newer than all that is left.
        const auto place = place_of(container->id);
        entries.erase(place == entries.end() ? entries.begin() : place, entries.end());
    }
    return {};
}

bool is_up(const Json& entry)
{
    const std::string state = text_or_empty(entry, "State");
    return state == "running" || state == "paused" || state == "restarting";
}

}  // namespace

Result<Json> view_containers(Json list, const Filters& filters, std::size_t limit, const Lookup& job,
                             const ViewFacts& facts, bool up_only)
{
    auto* given = list.get_ptr<Json::array_t*>();
    if (!given) return tl::unexpected(odd_answer());
    Json::array_t entries;
    for (Json& entry : *given)
        if (auto seen = view_summary(std::move(entry), job, facts)) entries.push_back(*std::move(seen));

    const Json::array_t all = filters.has("id") ? entries : Json::array_t();
    if (const auto done = cut(entries, filters, job); !done) return tl::unexpected(done.error());
    const auto images = ancestors(filters, job);
    std::erase_if(entries, [&](Json& entry) {
        const Json* labels = at(entry, "Labels");
        return (up_only && !is_up(entry)) || !id_matches(text_or_empty(entry, "Id"), filters, all) ||
               !name_matches(entry, filters) || !filters.any_match("status", text_or_empty(entry, "State")) ||
               !filters.labels_match(labels ? *labels : Json::object()) || !network_matches(entry, filters) ||
               !volume_matches(entry, filters) ||
               (filters.has("ancestor") && !images.contains(text_or_empty(entry, "ImageID")));
    });
    if (limit > 0 && entries.size() > limit) entries.resize(limit);
    return Json(std::move(entries));
}

}  // namespace rules
