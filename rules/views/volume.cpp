#include <unordered_set>
#include <utility>

#include "rules/names/names.h"
#include "rules/views/list_view.h"
#include "rules/views/parts.h"
#include "rules/views/views.h"

namespace rules {

using namespace parts;

namespace {

Json view_volume_named(Json volume, const std::string& name, const Lookup& job)
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

class VolumeList final : public ListView {
public:
    VolumeList(const Filters& filters, std::optional<bool> dangling, const std::unordered_set<std::string>& used, const Lookup& job)
        : filters_(filters), dangling_(dangling), used_(used), job_(job)
    {
    }

    std::optional<Json> show(Json element) override
    {
        const std::string real = text_or_empty(element, "Name");
        const Named* own = job_.by_id(Kind::volume, real);
        if (!own || (dangling_ && *dangling_ == used_.contains(real))) return std::nullopt;
        Json seen = view_volume_named(std::move(element), own->name, job_);
        const Json* labels = at(std::as_const(seen), "Labels");
        const bool passes = filters_.any_match("name", own->name) && filters_.any_equal("driver", text_or_empty(seen, "Driver")) &&
                            filters_.labels_match(labels ? *labels : Json::object());
        return passes ? std::optional(std::move(seen)) : std::nullopt;
    }

private:
    const Filters& filters_;
    std::optional<bool> dangling_;
    const std::unordered_set<std::string>& used_;
    const Lookup& job_;
};

}  // namespace

std::optional<Json> view_volume(Json inspect, const Lookup& job)
{
    const std::string real = text_or_empty(inspect, "Name");
    const auto name = volume_name(real, job);
    if (real.empty() || !name) return std::nullopt;
    return view_volume_named(std::move(inspect), *name, job);
}

ListViewResult volume_list_view(const Filters& filters, const std::unordered_set<std::string>& used, const Lookup& job)
{
    const Result<bool> dangling = filters.flag("dangling", false);
    if (!dangling) return tl::unexpected(dangling.error());
    return std::make_unique<VolumeList>(filters, filters.has("dangling") ? std::optional(*dangling) : std::nullopt, used, job);
}

Result<Json> view_volumes(Json list, const Filters& filters, const std::unordered_set<std::string>& used, const Lookup& job)
{
    Json* given = at(list, "Volumes");
    if (!given || !(given->is_array() || given->is_null())) return tl::unexpected(odd_answer());
    Result<Json> volumes = view_list(given->is_null() ? Json::array() : std::move(*given), volume_list_view(filters, used, job));
    if (!volumes) return volumes;
    return Json{{"Volumes", *std::move(volumes)}, {"Warnings", Json::array()}};
}

}  // namespace rules
