#include "broker/engine/removal.h"

#include <algorithm>
#include <set>

#include "broker/engine/images.h"
#include "broker/engine/redaction.h"
#include "rules/api/until.h"
#include "rules/names/names.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;
using rules::Result;

/// What is intended and not live has no id yet: the engine knows it, if at all, by its real name.
const std::string& handle(const db::Object& object)
{
    return object.id.empty() ? object.real : object.id;
}

}  // namespace

Result<bool> EngineCleanup::done(const Answer& answer)
{
    if (answer.ok() || answer.status == 404) return answer.ok();
    return tl::unexpected(error_of(answer));
}

/// What `work` answers, or that it did not in time.
static Task<Answer> in_time(Task<Answer> work)
{
    std::optional<Answer> answer;
    const auto call = [&]() -> Task<> {
        Answer got = co_await std::move(work);
        answer = std::move(got);
    };
    try {
        co_await within(background_limit, call());
    } catch (const UnreadableAnswer& failure) {
        co_return Answer{unreadable, "text/plain", failure.what()};
    } catch (const EngineFailure& failure) {
        co_return Answer{503, "text/plain", failure.what()};
    }
    if (!answer) co_return Answer{504, "text/plain", "the engine did not answer in time"};
    co_return std::move(*answer);
}

Task<Answer> EngineCleanup::ask(EngineRequest request, Elements* elements)
{
    co_return co_await in_time(elements ? engine_.list(request, *elements) : engine_.call(request));
}

Task<Result<bool>> EngineCleanup::remove(const db::Object& object)
{
    switch (object.kind) {
    case Kind::container: co_return co_await remove_container(object);
    case Kind::network: co_return co_await remove_network(object);
    case Kind::volume: co_return co_await remove_volume(object);
    case Kind::image: co_return co_await remove_image(object);
    case Kind::exec:
    case Kind::none: break;
    }
    co_return Result<bool>(false);
}

Task<Result<bool>> EngineCleanup::remove_container(const db::Object& object)
{
    EngineRequest request{.op = Op::container_remove, .id = handle(object)};
    request.query.set("force", "1");
    request.query.set("v", "1");
    const EngineRequest inspect = inspection_of(Kind::container, handle(object));
    Result<bool> removed = co_await remove_flagged(request, inspect, Kind::container);
    if (!removed && removed.error().status == 409 && removed.error().message.find("already in progress") != std::string::npos) {
        // The engine is at it (`--rm`): gone when it can no longer be inspected.
        const Answer there = co_await ask(inspect);
        if (there.status == 404) co_return Result<bool>(false);
    }
    co_return removed;
}

Task<Result<bool>> EngineCleanup::remove_network(const db::Object& object)
{
    const EngineRequest request{.op = Op::network_remove, .id = handle(object)};
    const Answer answer = co_await ask(request);
    if (answer.status != 403 && answer.status != 409) co_return done(answer);
    // Endpoints are in the way: whatever still holds on to a network of the job lets go of it now.
    const EngineRequest inspect = inspection_of(Kind::network, handle(object));
    const Answer there = co_await ask(inspect);
    if (const auto network = there.ok() ? there.read() : std::nullopt) {
        const Json containers = network->value("Containers", Json::object());
        for (const auto& [id, endpoint] : containers.items()) {
            EngineRequest leave{.op = Op::network_disconnect, .id = handle(object)};
            leave.body = Json{{"Container", id.starts_with("ep-") ? endpoint.value("Name", id) : id}, {"Force", true}};
            co_await ask(leave);
        }
    }
    const Answer again = co_await ask(request);
    co_return done(again);
}

Task<Result<bool>> EngineCleanup::remove_volume(const db::Object& object)
{
    EngineRequest removal{.op = Op::volume_remove, .id = object.real};
    EngineRequest inspection = inspection_of(Kind::volume, object.real);
    co_return co_await remove_flagged(std::move(removal), std::move(inspection), Kind::volume);
}

Task<Result<bool>> EngineCleanup::remove_image(const db::Object& object)
{
    if (rules::is_real_reference(key_, object.real)) {
        const EngineRequest request = untag_request(object.real);
        const Answer answer = co_await ask(request);
        co_return done(answer);
    }
    if (const auto lent = push_tag_of(object)) {
        ImageCatalogue images(engine_);
        const Answer answer = co_await in_time(images.give_back(*lent, {}));
        co_return done(answer);
    }
    // A step of a build that was cut off, by its id: the job's if it has no name and was made then.
    const EngineRequest inspect = inspection_of(Kind::image, object.real);
    const Answer there = co_await ask(inspect);
    if (there.status == unreadable) co_return co_await remove_listed_step(object);
    if (!there.ok()) co_return done(there);
    const auto image = there.read();
    if (!image) co_return tl::unexpected(rules::Error{502, "the engine's answer is not JSON"});
    if (!is_nameless(*image) || rules::parse_date(image->value("Created", "")).value_or(0) < object.created) co_return Result<bool>(false);
    co_return co_await remove_step(image->value("Id", ""));
}

Task<Result<bool>> EngineCleanup::remove_step(std::string id)
{
    const EngineRequest request{.op = Op::image_remove, .id = std::move(id)};
    const Answer answer = co_await ask(request);
    // Another image grew from it: it goes with that.
    if (answer.status == 409 && answer.message().find("dependent child") != std::string::npos) co_return Result<bool>(false);
    co_return done(answer);
}

}  // namespace broker
