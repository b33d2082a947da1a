#include "broker/remover.h"

#include "rules/names.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;
using rules::Result;

constexpr auto call_limit = 30s;

Result<bool> done(const Answer& answer)
{
    if (answer.ok() || answer.status == 404) return answer.ok();
    return tl::unexpected(rules::Error{answer.status, answer.message(), {}, {}, {}});
}

/// What is intended and not live has no id yet: the engine knows it, if at all, by its real name.
const std::string& handle(const db::Object& object)
{
    return object.id.empty() ? object.real : object.id;
}

}  // namespace

Task<Answer> Remover::ask(EngineRequest request)
{
    std::optional<Answer> answer;
    const auto call = [&]() -> Task<> {
        Answer got = co_await engine_.call(request);
        answer = std::move(got);
    };
    try {
        co_await within(call_limit, call());
    } catch (const EngineFailure& failure) {
        co_return Answer{503, "text/plain", failure.what()};
    }
    if (!answer) co_return Answer{504, "text/plain", "the engine did not answer in time"};
    co_return std::move(*answer);
}

Task<Result<std::vector<db::Object>>> Remover::found(Kind kind, const std::string& key)
{
    const Op op = kind == Kind::container ? Op::container_list : kind == Kind::network ? Op::network_list : Op::volume_list;
    EngineRequest request{.op = op};
    if (kind == Kind::container) request.query.set("all", "1");
    // Found by label, taken only with the unguessable real name: any image can carry a label.
    Json filters;
    filters["label"][std::string(rules::label_key) + "=" + key] = true;
    request.query.set("filters", filters.dump());
    const Answer answer = co_await ask(request);
    std::vector<db::Object> objects;
    if (!answer.ok()) co_return tl::unexpected(rules::Error{answer.status, answer.message(), {}, {}, {}});
    Json list = answer.json();
    if (kind == Kind::volume) list = list.value("Volumes", Json::array());
    if (!list.is_array()) co_return objects;
    for (const Json& each : list) {
        db::Object object;
        object.kind = kind;
        object.job = key;
        if (kind == Kind::container) {
            const Json names = each.value("Names", Json::array());
            for (const Json& name : names)
                if (const auto text = name.get<std::string>(); rules::virtual_name(key, text)) object.real = text;
        } else {
            object.real = each.value("Name", "");
        }
        const auto name = rules::virtual_name(key, object.real);
        if (!name) continue;
        object.name = *name;
        object.id = kind == Kind::volume ? object.real : each.value("Id", "");
        objects.push_back(std::move(object));
    }
    co_return objects;
}

Task<Result<bool>> Remover::remove(const db::Object& object)
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

Task<Result<bool>> Remover::remove_container(const db::Object& object)
{
    EngineRequest request{.op = Op::container_remove, .id = handle(object)};
    request.query.set("force", "1");
    request.query.set("v", "1");
    const Answer answer = co_await ask(request);
    if (answer.status == 409 && answer.message().find("already in progress") != std::string::npos) {
        // The engine is at it (`--rm`): gone when it can no longer be inspected.
        EngineRequest inspect{.op = Op::container_inspect, .id = handle(object)};
        const Answer there = co_await ask(inspect);
        if (there.status == 404) co_return Result<bool>(false);
    }
    co_return done(answer);
}

Task<Result<bool>> Remover::remove_network(const db::Object& object)
{
    const EngineRequest request{.op = Op::network_remove, .id = handle(object)};
    const Answer answer = co_await ask(request);
    if (answer.status != 403 && answer.status != 409) co_return done(answer);
    // Endpoints are in the way: whatever still holds on to a network of the job lets go of it now.
    const EngineRequest inspect{.op = Op::network_inspect, .id = handle(object)};
    const Answer there = co_await ask(inspect);
    if (there.ok()) {
        const Json network = there.json();
        const Json containers = network.value("Containers", Json::object());
        for (const auto& [id, endpoint] : containers.items()) {
            EngineRequest leave{.op = Op::network_disconnect, .id = handle(object)};
            leave.body = Json{{"Container", id.starts_with("ep-") ? endpoint.value("Name", id) : id}, {"Force", true}};
            co_await ask(leave);
        }
    }
    const Answer again = co_await ask(request);
    co_return done(again);
}

Task<Result<bool>> Remover::remove_volume(const db::Object& object)
{
    const EngineRequest request{.op = Op::volume_remove, .id = object.real};
    const Answer answer = co_await ask(request);
    co_return done(answer);
}

Task<Result<bool>> Remover::remove_image(const db::Object& object)
{
    const EngineRequest inspect{.op = Op::image_inspect, .id = object.name.empty() ? object.id : object.real};
    const Answer there = co_await ask(inspect);
    if (!object.name.empty()) images_.release(object.name, key_);
    if (there.status == 404) co_return Result<bool>(false);
    if (!there.ok()) co_return done(there);
    const Json image = there.json();
    if (object.name.empty()) {
        // It has a name by now: it is somebody's, and stays.
        if (!rules::is_zero(image.value("RepoTags", Json())) || !rules::is_zero(image.value("RepoDigests", Json()))) co_return Result<bool>(false);
    } else if (!object.id.empty() && image.value("Id", "") != object.id) {
        co_return Result<bool>(false);  // the tag has been moved by somebody else
    }
    EngineRequest request{.op = Op::image_remove, .id = object.name.empty() ? object.id : object.real};
    Answer answer = co_await ask(request);
    if (answer.status == 409) {
        // Another job's container runs on an image of the same content, or another image grew from it.
        if (object.name.empty()) co_return Result<bool>(false);
        request.query.set("force", "1");
        answer = co_await ask(request);
    }
    co_return done(answer);
}

}  // namespace broker
