#include <algorithm>

#include "rules/names/image_names.h"
#include "rules/names/names.h"
#include "rules/names/reference.h"
#include "rules/views/parts.h"
#include "rules/views/views.h"

namespace rules {

using namespace parts;

namespace {

/// dockerd's FuzzyMatch: absent, or one of the values begins `text`.
bool any_prefix(const Filters& filters, std::string_view key, std::string_view text)
{
    return !filters.has(key) ||
           std::ranges::any_of(filters.values(key), [&](const std::string& value) { return text.starts_with(value); });
}

/// `exec_create: sh -c ...`: a filter on one of these three names the action without its detail, and then all values
/// are prefixes.
bool action_passes(const Filters& filters, std::string_view action)
{
    for (const std::string_view open : {"health_status", "exec_create", "exec_start"})
        if (std::ranges::find(filters.values("event"), open) != filters.values("event").end())
            return any_prefix(filters, "event", action);
    return filters.any_equal("event", action);
}

std::string without_tag(const std::string& reference)
{
    const Result<Reference> parsed = parse_reference(reference);
    return parsed ? parsed->repository() : reference;
}

bool image_passes(const Filters& filters, const std::string& id, const std::string& name)
{
    return filters.any_equal("image", id) || filters.any_equal("image", name) ||
           filters.any_equal("image", without_tag(id)) || filters.any_equal("image", without_tag(name));
}

}  // namespace

/// As dockerd's events filter: a name of any type is sought in the actor's id and name, whatever the event's type.
bool event_passes(const Json& event, const Filters& filters)
{
    static const Json no_actor = Json::object();
    const std::string type = text_or_empty(event, "Type");
    const Json* actor = at(event, "Actor");
    const std::string id = text_or_empty(actor ? *actor : no_actor, "ID");
    const Json* attributes = at(actor ? *actor : no_actor, "Attributes");
    if (!attributes) attributes = &no_actor;
    const std::string name = text_or_empty(*attributes, "name");

    if (!action_passes(filters, text_or_empty(event, "Action")) || !filters.any_equal("type", type)) return false;
    if (const std::string scope = text_or_empty(event, "scope"); !scope.empty() && !filters.any_equal("scope", scope))
        return false;
    for (const std::string_view key :
         {"container", "volume", "network", "daemon", "plugin", "node", "service", "secret", "config"})
        if (!any_prefix(filters, key, id) && !any_prefix(filters, key, name)) return false;
    return image_passes(filters, id, type == "image" ? name : text_or_empty(*attributes, "image")) &&
           filters.labels_match(*attributes);
}

namespace {

bool view_container_event(Json& actor, Json& attributes, const Lookup& job)
{
    const Named* own = job.by_id(Kind::container, text_or_empty(actor, "ID"));
    const auto named = virtual_name(job.key(), text_or_empty(attributes, "name"));
    if (!own && !named) return false;
    replace(attributes, "name", named ? *named : own->name);
    if (const auto old = virtual_name(job.key(), text_or_empty(attributes, "oldName")))
        replace(attributes, "oldName", "/" + *old);
    if (const std::string image = text_or_empty(attributes, "image"); !image.empty())
        replace(attributes, "image", image_of_container(&attributes, image, image, job));
    if (const std::string made = text_or_empty(attributes, "imageRef"); !made.empty()) {  // of a commit
        replace(attributes, "imageRef", scrub(job.key(), made));
    }
    return true;
}

bool view_network_event(Json& actor, Json& attributes, const Lookup& job)
{
    const std::string id = text_or_empty(actor, "ID");
    const std::string real = text_or_empty(attributes, "name");
    if (real == "none" || real == "host") {
        if (!job.by_id(Kind::container, text_or_empty(attributes, "container"))) return false;
        replace(actor, "ID", builtin_id(real, job.key()));
        return true;
    }
    auto name = virtual_name(job.key(), real);
    if (!name) name = network_name(id, job);
    if (!name) return false;
    replace(attributes, "name", *name);
    return true;
}

bool view_volume_event(Json& actor, Json&, const Lookup& job)
{
    const auto name = volume_name(text_or_empty(actor, "ID"), job);
    if (!name) return false;
    replace(actor, "ID", *name);
    return true;
}

/// Only events of the job's own references are shown, under the job's names. The engine's event of a pull has the public name, which anybody
/// may have pulled: the tag that the job is given then is shown as the pull. A push has its name for itself.
bool view_image_event(Json& event, Json& actor, Json& attributes, const Lookup& job)
{
    const std::string id = text_or_empty(actor, "ID");
    const std::string name = text_or_empty(attributes, "name");
    if (text_or_empty(event, "Action") == "push") {
        const Json* moment = at(event, "timeNano");
        return moment && moment->is_number_integer() && job.is_pushed(id, moment->get<std::int64_t>());
    }
    const bool by_id = name.empty() || name == id;
    if (by_id) return owns_image(id, job) && text_or_empty(event, "Action") != "pull";
    const auto reference = virtual_reference(job.key(), name);
    if (!reference) return false;
    const std::string familiar = reference->familiar_tagged();
    replace(attributes, "name", familiar);
    if (text_or_empty(event, "Action") == "tag" && job.is_pulled(familiar)) {
        for (const char* key : {"Action", "status"}) replace(event, key, "pull");
        replace(actor, "ID", familiar);
        replace(attributes, "name", reference->repository());
    }
    return true;
}

}  // namespace

std::optional<Json> view_event(Json event, const Lookup& job)
{
    Json* actor = at(event, "Actor");
    if (!actor || !actor->is_object()) return std::nullopt;
    Json* attributes = at(*actor, "Attributes");
    if (!attributes || !attributes->is_object()) attributes = &((*actor)["Attributes"] = Json::object());

    const std::string type = text_or_empty(event, "Type");
    const bool is_own = type == "container" ? view_container_event(*actor, *attributes, job)
                        : type == "network" ? view_network_event(*actor, *attributes, job)
                        : type == "volume"  ? view_volume_event(*actor, *attributes, job)
                        : type == "image"   ? view_image_event(event, *actor, *attributes, job)
                                            : false;
    if (!is_own) return std::nullopt;

    hide_own_labels(*actor, "Attributes");
    replace(event, "id", text_or_empty(*actor, "ID"));
    if (const std::string* image = text_at(*attributes, "image")) replace(event, "from", *image);
    scrub_all(event, job.key());
    return event;
}

}  // namespace rules
