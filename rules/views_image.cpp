#include <algorithm>
#include <limits>
#include <unordered_set>

#include "rules/names.h"
#include "rules/reference.h"
#include "rules/views.h"
#include "rules/views_parts.h"

namespace rules {

using namespace parts;

namespace {

/// What one job calls an image.
struct References {
    std::vector<std::string> tags;     ///< `app:latest`
    std::vector<std::string> digests;  ///< `app@sha256:...`
};

bool has_digest(std::string_view reference)
{
    return reference.find('@') != reference.npos;
}

std::string repository_of(const std::string& reference)
{
    const Result<Reference> parsed = parse_reference(reference);
    return parsed ? parsed->repository() : std::string();
}

/// The job's references of the image, and the engine's digests of their repositories.
References references_of(Json& image, const Lookup& job)
{
    References own;
    std::unordered_set<std::string> repositories;
    for (std::string& reference : job.references_of(text_or_empty(image, "Id"))) {
        repositories.insert(repository_of(reference));
        auto& list = has_digest(reference) ? own.digests : own.tags;
        list.push_back(std::move(reference));
    }
    if (const auto* digests = list_at(image, "RepoDigests"))
        for (const Json& item : *digests)
            if (const auto* digest = item.get_ptr<const std::string*>(); digest && has_digest(*digest))
                if (repositories.contains(repository_of(*digest)) &&
                    std::ranges::find(own.digests, *digest) == own.digests.end())
                    own.digests.push_back(*digest);
    return own;
}

/// A parent that the job does not have is not there.
void hide_foreign_parent(Json& image, std::string_view key, const Lookup& job)
{
    if (!owns_image(text_or_empty(image, key), job)) replace(image, key, "");
}

void view_config(Json& image, std::string_view key, const Lookup& job)
{
    Json* config = at(image, key);
    if (!config) return;
    hide_own_labels(*config, "Labels");
    // Of a committed image: the container it was made of.
    replace(*config, "Hostname", "");
    hide_foreign_parent(*config, "Image", job);
}

/// dockerd's FamiliarMatch: the pattern against the whole reference, or its repository.
bool matches_reference(const std::string& reference, const std::vector<std::string>& patterns)
{
    return std::ranges::any_of(patterns, [&](const std::string& pattern) {
        return glob_match(pattern, reference) || glob_match(pattern, repository_of(reference));
    });
}

/// The moments that `before` and `since` name, in seconds.
struct Span {
    std::optional<std::int64_t> before, since;
};

std::optional<std::int64_t> created(const Json& image)
{
    const Json* at_second = at(image, "Created");
    if (!at_second || !at_second->is_number_integer()) return std::nullopt;
    return at_second->get<std::int64_t>();
}

/// 404 with dockerd's words for an image that the job does not have; an image that `list` lacks leaves nothing over.
Result<Span> span_of(const Json::array_t& list, const Filters& filters, const Lookup& job)
{
    const auto moment = [&](const std::string& reference, std::int64_t absent) -> Result<std::int64_t> {
        const Result<Named> image = job.image(reference);
        if (!image) return tl::unexpected(image.error());
        const auto found =
            std::ranges::find_if(list, [&](const Json& each) { return text_or_empty(each, "Id") == image->id; });
        return found == list.end() ? absent : created(*found).value_or(absent);
    };
    Span span;
    for (const std::string& reference : filters.values("before")) {
        const auto before = moment(reference, std::numeric_limits<std::int64_t>::min());
        if (!before) return tl::unexpected(before.error());
        span.before = std::min(span.before.value_or(*before), *before);
    }
    for (const std::string& reference : filters.values("since")) {
        const auto since = moment(reference, std::numeric_limits<std::int64_t>::max());
        if (!since) return tl::unexpected(since.error());
        span.since = std::max(span.since.value_or(*since), *since);
    }
    return span;
}

bool is_within(const Json& image, const Span& span)
{
    const auto moment = created(image);
    return (!span.before || (moment && *moment < *span.before)) && (!span.since || (moment && *moment > *span.since));
}

/// One line of the list. Docker shows only the references that a `reference` filter matches.
Json view_summary(Json image, References own, const Lookup& job, const ViewFacts& facts)
{
    const bool is_dangling = own.tags.empty() && own.digests.empty();
    if (is_dangling && facts.version < Version{1, 43}) {
        own.tags.push_back("<none>:<none>");
        own.digests.push_back("<none>@<none>");
    }
    image["RepoTags"] = std::move(own.tags);
    image["RepoDigests"] = std::move(own.digests);
    replace(image, "Containers", -1);
    hide_foreign_parent(image, "ParentId", job);
    hide_own_labels(image, "Labels");
    for (const char* key : {"Manifests", "Identity"}) remove(image, key);
    scrub_all(image, job.key());
    return image;
}

}  // namespace

std::optional<Json> view_image(Json inspect, const Lookup& job, const ViewFacts&)
{
    const std::string id = text_or_empty(inspect, "Id");
    if (id.empty() || !owns_image(id, job)) return std::nullopt;
    using enum Json::value_t;
    if (!has_shape(inspect, {{"Config", object}, {"ContainerConfig", object}, {"GraphDriver", object}, {"Metadata", object}})) return std::nullopt;
    References own = references_of(inspect, job);
    inspect["RepoTags"] = std::move(own.tags);
    inspect["RepoDigests"] = std::move(own.digests);
    hide_foreign_parent(inspect, "Parent", job);
    replace(inspect, "Container", "");
    for (const char* key : {"Config", "ContainerConfig"}) view_config(inspect, key, job);
    if (Json* driver = at(inspect, "GraphDriver")) replace(*driver, "Data", nullptr);
    // Whoever tagged it last, it need not have been this job.
    if (Json* metadata = at(inspect, "Metadata")) replace(*metadata, "LastTagTime", "0001-01-01T00:00:00Z");
    for (const char* key : {"Manifests", "Identity"}) remove(inspect, key);
    scrub_all(inspect, job.key());
    return inspect;
}

Result<Json> view_images(Json list, const Filters& filters, bool all, const Lookup& job, const ViewFacts& facts)
{
    auto* given = list.get_ptr<Json::array_t*>();
    if (!given) return tl::unexpected(odd_answer());
    const Result<bool> dangling = filters.flag("dangling", false);
    if (!dangling) return tl::unexpected(dangling.error());
    std::erase_if(*given, [&](const Json& image) { return !owns_image(text_or_empty(image, "Id"), job); });
    const Result<Span> span = span_of(*given, filters, job);
    if (!span) return tl::unexpected(span.error());
    std::unordered_set<std::string> parents;
    for (const Json& image : *given) parents.insert(text_or_empty(image, "ParentId"));

    Json::array_t images;
    for (Json& image : *given) {
        References own = references_of(image, job);
        const bool is_dangling = own.tags.empty() && own.digests.empty();
        if (is_dangling && !all && parents.contains(text_or_empty(image, "Id"))) continue;  // a step of a build
        if (filters.has("dangling") && (*dangling ? !own.tags.empty() : is_dangling)) continue;
        if (filters.has("reference")) {
            const auto is_other = [&](const std::string& each) {
                return !matches_reference(each, filters.values("reference"));
            };
            std::erase_if(own.tags, is_other);
            std::erase_if(own.digests, is_other);
            if (own.tags.empty() && own.digests.empty()) continue;
        }
        Json seen = view_summary(std::move(image), std::move(own), job, facts);
        const Json* labels = at(seen, "Labels");
        if (is_within(seen, *span) && filters.labels_match(labels ? *labels : Json::object()))
            images.push_back(std::move(seen));
    }
    return Json(std::move(images));
}

std::optional<Json> view_image_history(Json history, const Lookup& job)
{
    auto* layers = history.get_ptr<Json::array_t*>();
    if (!layers) return std::nullopt;
    for (Json& layer : *layers) {
        const std::string id = text_or_empty(layer, "Id");
        if (!owns_image(id, job)) replace(layer, "Id", "<missing>");
        std::vector<std::string> tags = job.references_of(id);
        std::erase_if(tags, has_digest);
        replace(layer, "Tags", tags.empty() ? Json(nullptr) : Json(std::move(tags)));
    }
    scrub_all(history, job.key());
    return history;
}

std::string view_push(std::string_view lines)
{
    constexpr std::string_view mounted = "Mounted from ";
    std::string shown;
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, std::min(lines.find('\n'), lines.size() - 1) + 1);
        lines.remove_prefix(line.size());
        Json message = line.find(mounted) == line.npos ? Json() : Json::parse(line, nullptr, false);
        if (text_or_empty(message, "status").starts_with(mounted)) {
            replace(message, "status", "Pushed");
            shown += message.dump() + "\r\n";
        } else {
            shown += line;
        }
    }
    return shown;
}

}  // namespace rules
