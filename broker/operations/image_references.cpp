#include <algorithm>

#include "broker/engine/images.h"
#include "broker/operations/operations.h"
#include "rules/names/image_names.h"
#include "rules/names/reference.h"

// The references of the job's own by which the engine counts that the job has an image.
namespace broker {

using rules::Kind;

bool is_held_otherwise(const Objects& objects, const db::Object& row)
{
    return std::ranges::any_of(objects.all(Kind::image, row.id), [&](const db::Object& each) { return each.row != row.row; });
}

Task<Answer> release_image(Call& call, const db::Object& image)
{
    Objects& objects = call.job.objects;
    const bool shared = std::ranges::any_of(objects.all(Kind::image, image.id),
                                            [&](const db::Object& each) { return each.row != image.row && each.real == image.real; });
    Answer answer{.status = 200, .content_type = {}, .body = "[]"};
    if (!shared) answer = co_await call.services.images.untag(image.real);
    if (answer.ok() || answer.status == 404) co_await objects.gone(image.row);
    co_return answer;
}

Task<> hold_nameless(Call& call, const std::string& id)
{
    Objects& objects = call.job.objects;
    for (const db::Object& each : objects.all(Kind::image, id))
        if (each.name.empty()) co_return;
    db::Object nameless;
    nameless.kind = Kind::image;
    nameless.real = rules::holding_reference(call.job.facts.key, id);
    const std::string real = nameless.real;
    const std::int64_t row = co_await objects.intend(std::move(nameless));
    const Answer answer = co_await call.services.images.tag(id, real);
    if (answer.ok())
        co_await objects.live(row, id);
    else
        co_await objects.gone(row);
}

rules::Result<void> check_names(const Objects& objects, const std::string& id)
{
    if (objects.references_of(id).size() < rules::image_names_max) return {};
    return tl::unexpected(rules::Error{400, "berth: the image has " + std::to_string(rules::image_names_max) +
                                                " names in this job already: remove one (docker rmi NAME) before it gets another"});
}

Task<> keep_image(Call& call, const std::string& name, const std::string& id, db::Origin origin)
{
    Objects& objects = call.job.objects;
    const auto turn = co_await call.job.naming.hold();
    const rules::Reference reference = or_refuse(rules::parse_reference(name));
    const std::string real =
        reference.digest.empty() ? or_refuse(rules::real_reference(call.job.facts.key, reference)) : rules::holding_reference(call.job.facts.key, id);
    const db::Object* held = objects.named(Kind::image, name);
    if (held && held->id == id && held->state == db::ObjectState::live) co_return;
    or_refuse(check_names(objects, id));
    if (held) {
        const db::Object before = *held;
        if (!before.id.empty() && before.origin == db::Origin::made && !is_held_otherwise(objects, before)) co_await hold_nameless(call, before.id);
        co_await objects.gone(before.row);
    }
    db::Object object;
    object.kind = Kind::image;
    object.origin = origin;
    object.name = name;
    object.real = real;
    const std::int64_t row = co_await objects.intend(std::move(object));
    const Answer answer = co_await call.services.images.tag(id, real);
    if (!answer.ok()) {
        co_await objects.gone(row);
        throw Refused{error_of(call, answer)};
    }
    co_await objects.live(row, id);
    co_await drop_nameless(call, id);
}

Task<> drop_nameless(Call& call, std::string id)
{
    for (const db::Object& each : call.job.objects.all(Kind::image, id))
        if (each.name.empty() && is_held_otherwise(call.job.objects, each)) co_await release_image(call, each);
}

Task<> hold_before_move(Call& call, std::vector<std::string> names)
{
    const auto turn = co_await call.job.naming.hold();
    const Objects& objects = call.job.objects;
    for (const std::string& name : names) {
        const db::Object* held = objects.named(Kind::image, name);
        if (!held || held->id.empty() || held->origin != db::Origin::made) continue;
        const std::string id = held->id;
        const auto stays = [&](const db::Object& each) { return std::ranges::find(names, each.name) == names.end(); };
        if (std::ranges::none_of(objects.all(Kind::image, id), stays)) co_await hold_nameless(call, id);
    }
}

}  // namespace broker
