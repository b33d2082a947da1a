#include "broker/operations/build_bases.h"

#include <algorithm>
#include <set>

#include "broker/engine/image_cache.h"
#include "broker/engine/images.h"
#include "broker/operations/build_query.h"
#include "rules/names/reference.h"

namespace broker {

using rules::Json;
using rules::Kind;

Task<bool> BuildBases::admit(const std::vector<std::string>& names, const LineSink& sink)
{
    for (const std::string& name : names) {
        const auto image = co_await admit_one(name, sink);
        if (!image) co_return false;
        const Json config = or_refuse(co_await call_.services.images.config(image->id));
        images_[name] = rules::base_image(image->id, config);
    }
    co_return true;
}

/// The job's image `name`, pulled when there is none or the client wants the newest; nullopt when the pull failed.
Task<std::optional<rules::Named>> BuildBases::admit_one(const std::string& name, const LineSink& sink)
{
    if (!call_.route.query.flag("pull"))
        if (auto known = call_.job.objects.image(name)) {
            call_.services.cache.used(known->id);
            co_return std::move(*known);
        }
    rules::Reference reference = or_refuse(rules::parse_reference(name));
    if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
    if (!reference.digest.empty()) reference.tag.clear();
    const std::string auth = auth_for(reference.domain, call_.head.header("x-registry-config"));
    call_.record.facts["pulls"].push_back(reference.familiar());
    if (!co_await pull_for(call_, reference, std::string(call_.route.query.get("platform")), auth, sink)) co_return std::nullopt;
    co_return or_refuse(call_.job.objects.image(reference.familiar()));
}

Task<> BuildBases::hold()
{
    Objects& objects = call_.job.objects;
    for (const std::string& id : ids()) {
        // Without a name and an id, until the build's end, the row is none of the images that the job can ask for or remove.
        db::Object object;
        object.kind = Kind::image;
        object.real = new_building_reference(call_.job.facts.key);
        const std::string real = object.real;
        const std::int64_t row = co_await objects.intend(std::move(object));
        holds_.push_back({row, real});
        const Answer answer = co_await call_.services.images.tag(id, real);
        if (!answer.ok()) throw Refused{error_of(call_, answer)};
    }
}

Task<> BuildBases::release()
{
    for (const Hold& each : holds_) {
        try {
            co_await call_.services.images.untag(each.real);
        } catch (const EngineFailure&) {
            continue;  // the row stays, and the reap finds the reference
        }
        co_await call_.job.objects.gone(each.row);
    }
    holds_.clear();
}

std::set<std::string> BuildBases::ids() const
{
    std::set<std::string> ids;
    for (const auto& [name, image] : images_) ids.insert(image.id);
    return ids;
}

bool BuildBases::has(const std::string& id) const
{
    return std::ranges::any_of(images_, [&](const auto& each) { return each.second.id == id; });
}

}  // namespace broker
