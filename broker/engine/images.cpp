#include "broker/engine/images.h"

#include <fmt/format.h>


#include "broker/engine/redaction.h"
#include "broker/io/random.h"
#include "rules/schema.h"

namespace broker {
namespace {

constexpr std::size_t configs_max = 1000;
constexpr std::size_t config_bytes_max = 4096;  ///< of one that is kept

/// A container of the image can be read beside what its request adds.
bool is_bounded(const rules::Json& config)
{
    for (const rules::Json& each : config)
        if (each.size() > rules::elements_max) return false;
    // In JSON, as the engine tells of them: never shorter than the texts alone, which are counted faster.
    return rules::text_bytes(config) <= image_settings_max && config.dump().size() <= image_settings_max;
}

}  // namespace

Task<std::optional<rules::Json>> ImageCatalogue::inspect(const std::string& reference)
{
    const Answer answer = co_await engine_.inspect(rules::Kind::image, reference);
    if (answer.status == 404) co_return std::nullopt;
    if (!answer.ok()) throw failure_of("image inspect", answer);
    co_return co_await json_of(answer);
}

Task<rules::Result<rules::Json>> ImageCatalogue::config(const std::string& id)
{
    if (const auto known = configs_.find(id); known != configs_.end()) co_return known->second;
    try {
        const auto image = co_await inspect(id);
        if (!image || !image->is_object()) co_return rules::not_found("No such image: " + id);
        co_return config_of(*image);
    } catch (const UnreadableAnswer&) {
        co_return tl::unexpected(too_large());  // not kept: the names that jobs give it come and go
    }
}

Task<rules::Result<std::string>> ImageCatalogue::arrived(const std::string& reference)
{
    try {
        const auto image = co_await inspect(reference);
        if (!image) co_return rules::Result<std::string>();
        std::string id = image->value("Id", "");
        if (const auto config = config_of(*image); !config) co_return tl::unexpected(config.error());
        co_return id;
    } catch (const UnreadableAnswer&) {
        co_return tl::unexpected(too_large());
    }
}

rules::Error ImageCatalogue::too_large()
{
    return {413, fmt::format("berth: the settings of the image (labels, variables and so on) are too large for a job: set fewer or shorter ones, at "
                             "most {} of a kind and {} KiB in all",
                             rules::elements_max, image_settings_max >> 10)};
}

rules::Result<rules::Json> ImageCatalogue::config_of(const rules::Json& image)
{
    const std::string id = image.value("Id", "");
    rules::Result<rules::Json> config = rules::Json::object();
    if (const auto found = image.find("Config"); found != image.end() && found->is_object()) {
        if (!is_bounded(*found)) return kept(id, tl::unexpected(too_large()));
        for (const char* judged : {"Env", "ExposedPorts", "Healthcheck", "OnBuild", "User", "Volumes"})
            if (const auto value = found->find(judged); value != found->end()) (*config)[judged] = *value;
    }
    return kept(id, std::move(config));
}

rules::Result<rules::Json> ImageCatalogue::kept(const std::string& id, rules::Result<rules::Json> config)
{
    if (config && rules::text_bytes(*config) > config_bytes_max) return config;
    if (configs_.size() >= configs_max) configs_.erase(configs_.begin());
    configs_.insert_or_assign(id, config);
    return config;
}

Task<ImageCatalogue::Use> ImageCatalogue::alone_under(std::string name)
{
    while (is_in_use(name)) co_await pause(20ms);
    co_return Use(names_[name].users, -1);
}

std::optional<ImageCatalogue::Use> ImageCatalogue::try_alone_under(const std::string& name)
{
    if (is_in_use(name)) return std::nullopt;
    return Use(names_[name].users, -1);
}

bool ImageCatalogue::is_in_use(const std::string& name) const
{
    const auto found = names_.find(name);
    return found != names_.end() && (found->second.users != 0 || found->second.waiting != 0);
}

Task<ImageCatalogue::Use> ImageCatalogue::among_others_under(std::string name)
{
    std::erase_if(names_, [](const auto& each) { return each.second.users == 0 && each.second.waiting == 0; });
    Name& found = names_[name];
    const Use waits(found.waiting, 1);
    while (found.users < 0) co_await pause(20ms);
    co_return Use(found.users, 1);
}

Task<Answer> ImageCatalogue::tag(const std::string& id, const std::string& real)
{
    const EngineRequest request = tag_request(id, real);
    co_return co_await engine_.call(request);
}

Task<Answer> ImageCatalogue::untag(const std::string& real)
{
    const EngineRequest request = untag_request(real);
    co_return co_await engine_.call(request);
}

Task<Answer> ImageCatalogue::give_back(PushTag lent, std::string digest)
{
    const auto now = co_await inspect(lent.name);
    if (!now || now->value("Id", "") != lent.image) {
        const std::string pushed = lent.name.substr(0, lent.name.rfind(':')) + "@" + digest;
        const auto left = digest.empty() ? std::nullopt : co_await inspect(pushed);
        if (left && left->value("Id", "") == lent.image) co_await untag(pushed);
        co_return Answer{.status = 404, .content_type = {}, .body = {}};
    }
    // Untagged first: the digest that the push left goes with the last tag.
    Answer untagged = co_await untag(lent.name);
    if (lent.before.empty() || (!untagged.ok() && untagged.status != 404)) co_return untagged;
    co_return co_await tag(lent.before, lent.name);
}

std::string kept_text(const PushTag& lent)
{
    return lent.image + " " + (lent.before.empty() ? "none" : lent.before);
}

std::optional<PushTag> push_tag_of(const db::Object& object)
{
    const std::size_t blank = object.parent.find(' ');
    if (object.kind != rules::Kind::image || blank == object.parent.npos) return std::nullopt;
    const std::string before = object.parent.substr(blank + 1);
    return PushTag{object.real, object.parent.substr(0, blank), before == "none" ? std::string() : before};
}

EngineRequest tag_request(const std::string& id, const std::string& real)
{
    const std::size_t colon = real.rfind(':');
    EngineRequest request{.op = rules::Op::image_tag, .id = id};
    request.query.set("repo", real.substr(0, colon));
    request.query.set("tag", real.substr(colon + 1));
    return request;
}

EngineRequest untag_request(const std::string& real)
{
    EngineRequest request{.op = rules::Op::image_remove, .id = real};
    request.query.set("force", "1");
    return request;
}

std::string new_building_reference(const std::string& key)
{
    return rules::building_reference(key, static_cast<std::int64_t>(random_number() >> 1));
}

bool is_nameless(const rules::Json& image)
{
    return rules::is_zero(image.value("RepoTags", rules::Json())) && rules::is_zero(image.value("RepoDigests", rules::Json()));
}

}  // namespace broker
