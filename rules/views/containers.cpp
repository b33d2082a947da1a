#include "rules/views/containers.h"

#include <algorithm>
#include <unordered_set>

#include "rules/names/names.h"
#include "rules/views/list_view.h"
#include "rules/views/parts.h"

namespace rules {

using namespace parts;

namespace {

/// One line of the list as the job sees it; nullopt when it is not the job's.
std::optional<Json> view_summary(Json entry, const Lookup& job, const ViewFacts& facts)
{
    const Named* own = job.by_id(Kind::container, text_or_empty(entry, "Id"));
    using enum Json::value_t;
    if (!own || !has_shape(entry, {{"Labels", object}, {"HostConfig", object}, {"NetworkSettings", object}, {"Mounts", array}, {"Ports", array}}))
        return std::nullopt;
    std::string name = own->name;
    if (const auto* names = list_at(entry, "Names"))  // a link adds names of its own
        for (const Json& each : *names)
            if (const auto* real = each.get_ptr<const std::string*>())
                name = virtual_name(job.key(), *real).value_or(name);
    replace(entry, "Names", Json::array({"/" + name}));
    replace(entry, "Image",
            image_of_container(at(std::as_const(entry), "Labels"), text_or_empty(entry, "Image"), text_or_empty(entry, "ImageID"), job));
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
bool id_matches(const std::string& id, const Filters& filters, const Lookup& job)
{
    if (!filters.has("id")) return true;
    return std::ranges::any_of(filters.values("id"), [&](const std::string& prefix) {
        if (prefix.empty() || !id.starts_with(prefix)) return false;
        const Result<Named> meant = job.container(prefix);
        return meant && meant->id == id;
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

bool is_up(const Json& entry)
{
    const std::string state = text_or_empty(entry, "State");
    return state == "running" || state == "paused" || state == "restarting";
}

/// The ids of the containers that the filter `key` names.
Result<std::unordered_set<std::string>> containers_named_by(std::string_view key, const Filters& filters, const Lookup& job)
{
    std::unordered_set<std::string> ids;
    for (const std::string& reference : filters.values(key)) {
        const Result<Named> container = job.container(reference);
        if (!container) return tl::unexpected(container.error());
        ids.insert(container->id);
    }
    return ids;
}

class ContainerList final : public ListView {
public:
    ContainerList(const Filters& filters, std::size_t limit, const Lookup& job, const ViewFacts& facts, bool up_only,
                  std::unordered_set<std::string> before, std::unordered_set<std::string> since)
        : filters_(filters),
          limit_(limit),
          job_(job),
          facts_(facts),
          up_only_(up_only),
          before_(std::move(before)),
          since_(std::move(since)),
          images_(ancestors(filters, job))
    {
    }

    std::optional<Json> show(Json element) override
    {
        const std::string id = text_or_empty(element, "Id");
        if (since_.contains(id)) over_ = true;
        const bool is_before = before_.empty();
        before_.erase(id);
        if (over_ || !is_before) return std::nullopt;
        std::optional<Json> seen = view_summary(std::move(element), job_, facts_);
        if (!seen || !passes(*seen)) return std::nullopt;
        over_ = ++shown_ == limit_;
        return seen;
    }

private:
    bool passes(Json& entry) const
    {
        const Json* labels = at(std::as_const(entry), "Labels");
        return (!up_only_ || is_up(entry)) && id_matches(text_or_empty(entry, "Id"), filters_, job_) && name_matches(entry, filters_) &&
               filters_.any_match("status", text_or_empty(entry, "State")) && filters_.labels_match(labels ? *labels : Json::object()) &&
               network_matches(entry, filters_) && volume_matches(entry, filters_) &&
               (!filters_.has("ancestor") || images_.contains(text_or_empty(entry, "ImageID")));
    }

    const Filters& filters_;
    std::size_t limit_;
    const Lookup& job_;
    const ViewFacts facts_;
    bool up_only_;
    std::unordered_set<std::string> before_;  ///< those that have not come yet
    std::unordered_set<std::string> since_;
    std::unordered_set<std::string> images_;
    std::size_t shown_ = 0;
    bool over_ = false;
};

}  // namespace

ListViewResult container_list_view(const Filters& filters, std::size_t limit, const Lookup& job, const ViewFacts& facts, bool up_only)
{
    auto before = containers_named_by("before", filters, job);
    if (!before) return tl::unexpected(before.error());
    auto since = containers_named_by("since", filters, job);
    if (!since) return tl::unexpected(since.error());
    return std::make_unique<ContainerList>(filters, limit, job, facts, up_only, *std::move(before), *std::move(since));
}

Result<Json> view_containers(Json list, const Filters& filters, std::size_t limit, const Lookup& job, const ViewFacts& facts, bool up_only)
{
    return view_list(std::move(list), container_list_view(filters, limit, job, facts, up_only));
}

}  // namespace rules
