#include <algorithm>

#include "rules/names.h"
#include "rules/views.h"
#include "rules/views_parts.h"

namespace rules {

using namespace parts;

namespace {

Json view_named(Json volume, const std::string& name, const Lookup& job)
{
    volume["Name"] = name;
    replace(volume, "Mountpoint", volume_path(name));
    hide_own_labels(volume, "Labels");
    // A device that is a path is one of the host.
    if (Json* options = at(volume, "Options"); options && text_or_empty(*options, "device").starts_with('/'))
        *options = nullptr;
    for (const char* key : {"Status", "ClusterVolume"}) remove(volume, key);
    scrub_all(volume, job.key());
    return volume;
}

}  // namespace

std::optional<Json> view_volume(Json inspect, const Lookup& job)
{
    const std::string real = text_or_empty(inspect, "Name");
    const auto name = volume_name(real, job);
    if (real.empty() || !name) return std::nullopt;
    return view_named(std::move(inspect), *name, job);
}

Result<Json> view_volumes(Json list, const Filters& filters, const std::vector<std::string>& used, const Lookup& job)
{
    Json* given = at(list, "Volumes");
    if (!given || !(given->is_array() || given->is_null())) return tl::unexpected(odd_answer());
    const Result<bool> dangling = filters.flag("dangling", false);
    if (!dangling) return tl::unexpected(dangling.error());

    Json::array_t volumes;
    for (Json& volume : *given) {
        const std::string real = text_or_empty(volume, "Name");
        const Named* own = job.by_id(Kind::volume, real);
        if (!own) continue;
        const bool is_used = std::ranges::find(used, real) != used.end();
        if (filters.has("dangling") && *dangling == is_used) continue;
        Json seen = view_named(std::move(volume), own->name, job);
        const Json* labels = at(seen, "Labels");
        if (filters.any_match("name", own->name) && filters.any_equal("driver", text_or_empty(seen, "Driver")) &&
            filters.labels_match(labels ? *labels : Json::object()))
            volumes.push_back(std::move(seen));
    }
    Json answer = Json::object();
    answer["Volumes"] = std::move(volumes);
    answer["Warnings"] = Json::array();
    return answer;
}

}  // namespace rules
