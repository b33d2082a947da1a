#include <array>

#include "broker/engine/image_cache.h"
#include "broker/io/random.h"
#include "broker/operations/operations.h"
#include "rules/judge/verdict.h"
#include "rules/names/names.h"

// A new container: its image, its name, its paths and what it needs besides, and what the engine makes along with it.
namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// A name in the way of dockerd's own (`eager_lovelace`), for a container that the client did not name.
std::string random_name(const Objects& objects)
{
    constexpr std::array<std::string_view, 24> moods = {"able",  "brisk", "calm",   "deft",  "eager", "fair",  "glad", "happy",
                                                        "keen",  "kind",  "lively", "merry", "neat",  "noble", "open", "proud",
                                                        "quick", "ready", "sharp",  "sunny", "swift", "tidy",  "warm", "wise"};
    constexpr std::array<std::string_view, 24> people = {"backus", "bell",   "boole", "curie",   "dijkstra", "euler",      "floyd",    "gauss",
                                                         "hoare",  "hopper", "knuth", "kay",     "lamport",  "liskov",     "lovelace", "mccarthy",
                                                         "milner", "naur",   "pike",  "ritchie", "shannon",  "stroustrup", "turing",   "wirth"};
    for (int tries = 0;; ++tries) {
        std::string name = std::string(moods[random_number() % moods.size()]) + "_" + std::string(people[random_number() % people.size()]);
        if (tries > 3) name += std::to_string(random_number() % 100000);
        if (!objects.named(Kind::container, name)) return name;
    }
}

Refused name_conflict(const std::string& name, const std::string& holder)
{
    return {{409, "Conflict. The container name \"/" + name + "\" is already in use by container \"" + holder +
                      "\". You have to remove (or rename) that container to be able to reuse that name."}};
}

/// The engine may have removed a container by itself (`--rm`): then its name is free again.
Task<bool> still_there(Call& call, const db::Object& container)
{
    if (container.id.empty()) co_return true;
    const Answer answer = co_await inspect(call, Kind::container, container.id);
    co_return answer.status != 404;
}

/// What the engine made with the new container is recorded. One that cannot be read is taken away again, with its volumes.
Task<> record_anonymous_volumes(Call& call, const std::string& id)
{
    std::exception_ptr failed;
    try {
        const Answer answer = co_await inspect(call, Kind::container, id);
        if (answer.status == 404) co_return;
        if (!answer.ok()) throw Refused{error_of(call, answer)};
        Json container = co_await json_of(answer);
        co_await call.job.objects.adopt_volumes(id, std::move(container));
        co_return;
    } catch (const UnreadableAnswer&) {
        failed = std::make_exception_ptr(Refused{
            {413,
             "berth: the container would be too large to be kept watch of: give it fewer labels, variables, mounts and ports, or shorter ones"}});
    } catch (...) {
        failed = std::current_exception();
    }
    co_await remove_container_by_id(call, id, true, true);
    std::rethrow_exception(failed);
}

bool may_have_anonymous_volumes(const Json& body, const Json& config)
{
    const auto filled = [](const Json& object, const char* key) {
        const auto found = object.find(key);
        return found != object.end() && !rules::is_zero(*found);
    };
    if (filled(body, "Volumes") || filled(config, "Volumes")) return true;
    const auto host = body.find("HostConfig");
    if (host == body.end()) return false;
    return filled(*host, "Mounts") || filled(*host, "Binds");
}

}  // namespace

Task<std::string> free_name(Call& call, std::string_view asked)
{
    Objects& objects = call.job.objects;
    if (asked.empty()) co_return random_name(objects);
    std::string name = or_refuse(rules::checked_name(Kind::container, asked));
    co_await resolve_intended(call, Kind::container, name);
    if (const db::Object* held = objects.named(Kind::container, name)) {
        const db::Object holder = *held;
        if (co_await still_there(call, holder)) throw name_conflict(name, holder.id);
        objects.forget(holder.row);
    }
    co_return name;
}

Task<> create_container(Call& call)
{
    Job& job = call.job;
    const rules::ContainerNeeds needs =
        enforce(call, [&](const rules::Profile& profile) { return rules::judge_container_create(call.body, job.objects, profile); });
    const std::string asked_image = or_refuse(rules::resolve_image(call.body, job.objects));
    const std::string image = call.body.value("Image", "");
    call.services.cache.used(image);
    const Json config = or_refuse(co_await call.services.images.config(image));
    call.record.facts["image"] = rules::image_facts(config);
    enforce(call, [&](const rules::Profile& profile) { return rules::merge_image_config(call.body, config, profile); });
    const bool may_have_volumes = may_have_anonymous_volumes(call.body, config);
    const std::string name = co_await free_name(call, call.route.query.get("name"));

    const Making making(call);
    if (needs.default_network) co_await ensure_default_network(call);
    for (const std::string& volume : needs.volumes) co_await ensure_volume(call, volume);
    if (const db::Object* held = job.objects.named(Kind::container, name)) throw name_conflict(name, held->id);

    HeldPins held;
    rules::RewriteContext context = job.rewrite_context(call.route.version);
    context.pins = co_await pin_paths(call, needs.paths, held);
    context.version = create_version(context.pins, context.version);
    Json sent = or_refuse(
        rules::rewrite_container_create(std::move(call.body), {name, asked_image}, job.objects, job.effective_profile, context, job.gateway));
    check_room(call, Kind::container);
    db::Object object;
    object.kind = Kind::container;
    object.name = name;
    object.real = rules::real_name(job.facts.key, name);
    const std::string real = object.real;
    const std::int64_t row = co_await job.objects.intend(std::move(object));
    const Pending pending(job, row);

    EngineRequest request = call.request();
    request.version = context.version;
    request.query.set("name", real);
    request.body = std::move(sent);
    const Answer answer = co_await exchange(call, request);
    if (answer.status != 201) {
        job.objects.forget(row);
        throw Refused{error_of(call, answer)};
    }
    Json made = answer.json();
    const std::string id = made.value("Id", "");
    if (id.empty()) throw EngineFailure("create answered without an id");
    if (!held.entries.empty()) job.pins[id] = std::exchange(held.entries, {});  // as long as the container may be started
    co_await job.objects.live(row, id);
    EngineRequest unmake{.op = Op::container_remove, .id = id};
    unmake.query.set("force", "1");
    unmake.query.set("v", "1");
    co_await unmake_after_end(call, unmake);
    if (may_have_volumes) co_await record_anonymous_volumes(call, id);

    Json warnings = Json::array();
    if (const auto given = made.find("Warnings"); given != made.end() && given->is_array())
        for (const Json& each : *given)
            if (each.is_string()) warnings.push_back(shown(call, each.get<std::string>()));
    co_await call.client.reply_json(201, {{"Id", id}, {"Warnings", warnings}});
}

}  // namespace broker
