#include <algorithm>
#include <limits>
#include <unordered_set>

#include "rules/names/names.h"
#include "rules/names/reference.h"
#include "rules/views/list_view.h"
#include "rules/views/messages.h"
#include "rules/views/parts.h"
#include "rules/views/views.h"

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

std::optional<std::int64_t> created(const Json& image)
{
    const Json* at_second = at(image, "Created");
    if (!at_second || !at_second->is_number_integer()) return std::nullopt;
    return at_second->get<std::int64_t>();
}

/// The ids of the images that the filter `key` names; 404 with dockerd's words for one that the job does not have.
Result<std::unordered_set<std::string>> images_named_by(std::string_view key, const Filters& filters, const Lookup& job)
{
    std::unordered_set<std::string> ids;
    for (const std::string& reference : filters.values(key)) {
        const Result<Named> image = job.image(reference);
        if (!image) return tl::unexpected(image.error());
        ids.insert(image->id);
    }
    return ids;
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

class ImageList final : public ListView {
public:
    using Moment = std::optional<std::int64_t>;  ///< in seconds since 1970
    using Ids = std::unordered_set<std::string>;

    ImageList(const Filters& filters, bool all, std::optional<bool> dangling, Moment until, const Lookup& job, const ViewFacts& facts, Ids before,
              Ids since)
        : filters_(filters),
          all_(all),
          dangling_(dangling),
          until_(until),
          job_(job),
          facts_(facts),
          before_(std::move(before)),
          since_(std::move(since))
    {
    }

    bool learns() const override { return true; }

    void learn(const Json& image) override
    {
        const std::string id = text_or_empty(image, "Id");
        if (!owns_image(id, job_)) return;
        parents_.insert(text_or_empty(image, "ParentId"));
        if (before_.erase(id) > 0) newest_ = std::min(newest_.value_or(latest), created(image).value_or(earliest));
        if (since_.erase(id) > 0) oldest_ = std::max(oldest_.value_or(earliest), created(image).value_or(latest));
    }

    std::optional<Json> show(Json image) override
    {
        const std::string id = text_or_empty(image, "Id");
        // An image that `before` or `since` names and the list lacks leaves nothing over.
        if (!owns_image(id, job_) || !before_.empty() || !since_.empty()) return std::nullopt;
        References own = references_of(image, job_);
        const bool is_dangling = own.tags.empty() && own.digests.empty();
        if (is_dangling && !all_ && parents_.contains(id)) return std::nullopt;  // a step of a build
        if (dangling_ && (*dangling_ ? !own.tags.empty() : is_dangling)) return std::nullopt;
        if (filters_.has("reference")) {
            const auto is_other = [&](const std::string& each) { return !matches_reference(each, filters_.values("reference")); };
            std::erase_if(own.tags, is_other);
            std::erase_if(own.digests, is_other);
            if (own.tags.empty() && own.digests.empty()) return std::nullopt;
        }
        Json seen = view_summary(std::move(image), std::move(own), job_, facts_);
        const Json* labels = at(std::as_const(seen), "Labels");
        return is_within(seen) && filters_.labels_match(labels ? *labels : Json::object()) ? std::optional(std::move(seen)) : std::nullopt;
    }

private:
    static constexpr std::int64_t earliest = std::numeric_limits<std::int64_t>::min();
    static constexpr std::int64_t latest = std::numeric_limits<std::int64_t>::max();

    bool is_within(const Json& image) const
    {
        const Moment moment = created(image);
        return (!newest_ || (moment && *moment < *newest_)) && (!oldest_ || (moment && *moment > *oldest_)) &&
               (!until_ || moment.value_or(0) < *until_);
    }

    const Filters& filters_;
    bool all_;
    std::optional<bool> dangling_;
    Moment until_;
    const Lookup& job_;
    const ViewFacts facts_;
    Ids before_, since_;  ///< those that have not come yet
    Moment newest_, oldest_;
    Ids parents_;
};

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

ListViewResult image_list_view(const Filters& filters, bool all, std::optional<std::int64_t> until, const Lookup& job, const ViewFacts& facts)
{
    const Result<bool> dangling = filters.flag("dangling", false);
    if (!dangling) return tl::unexpected(dangling.error());
    auto before = images_named_by("before", filters, job);
    if (!before) return tl::unexpected(before.error());
    auto since = images_named_by("since", filters, job);
    if (!since) return tl::unexpected(since.error());
    return std::make_unique<ImageList>(filters, all, filters.has("dangling") ? std::optional(*dangling) : std::nullopt, until, job, facts,
                                       *std::move(before), *std::move(since));
}

Result<Json> view_images(Json list, const Filters& filters, bool all, const Lookup& job, const ViewFacts& facts)
{
    return view_list(std::move(list), image_list_view(filters, all, {}, job, facts));
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
        const std::string_view line = take_line(lines);
        Json message = line.find(mounted) == line.npos ? Json() : read_message(line);
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
