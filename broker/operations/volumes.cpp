#include <fmt/format.h>

#include <unordered_set>

#include "broker/exchange/shown_list.h"
#include "broker/io/random.h"
#include "broker/operations/operations.h"
#include "rules/names/names.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// Makes the volume `name` for the job and returns the engine's answer.
Task<Json> make_volume(Call& call, const std::string& name, Json body)
{
    Job& job = call.job;
    db::Object object;
    object.kind = Kind::volume;
    object.name = name;
    object.real = rules::real_name(job.facts.key, name);
    const std::string real = object.real;
    body["Name"] = real;
    check_room(call, Kind::volume);
    const std::int64_t row = co_await job.objects.intend(std::move(object));
    EngineRequest request{.op = Op::volume_create};
    request.version = call.route.version;
    request.body = std::move(body);
    const Answer answer = co_await exchange(call, request);
    if (answer.status != 201 && answer.status != 200) {
        job.objects.forget(row);
        throw Refused{error_of(call, answer)};
    }
    co_await job.objects.live(row, real);
    co_await unmake_after_end(call, {.op = Op::volume_remove, .id = real});
    co_return co_await json_of(answer);
}

/// Real names of the job's volumes that containers of it use.
Task<std::unordered_set<std::string>> used_volumes(Call& call)
{
    std::unordered_set<std::string> used;
    const auto note = [&](Json container) {
        const auto mounts = container.find("Mounts");
        if (mounts == container.end() || !mounts->is_array()) return;
        for (const Json& mount : *mounts)
            if (const db::Object* volume = call.job.objects.with_id(Kind::volume, mount.value("Name", ""))) used.insert(volume->id);
    };
    co_await for_containers(call, false, note);
    co_return used;
}

}  // namespace

Task<> ensure_volume(Call& call, const std::string& name)
{
    const auto turn = co_await call.job.making.hold();
    if (call.job.objects.volume(name)) co_return;
    Json body = enforce(call, [&](const rules::Profile& profile) {
        return rules::rewrite_volume_create(Json::object(), profile, call.job.rewrite_context(call.route.version));
    });
    co_await make_volume(call, name, std::move(body));
}

Task<std::string> ensure_root_volume(Call& call, std::string directory)
{
    const auto turn = co_await call.job.making.hold();
    const std::string name = rules::root_volume_name(directory);
    if (const db::Object* there = call.job.objects.named(Kind::volume, name); there && there->state == db::ObjectState::live) co_return there->real;
    // Not `rbind`: when the engine lets go of it, what is mounted beneath would be unmounted on the host. `private`: what is mounted there on the
    // host later is no matter of the job's; the engine cannot be told so where it mounts the volume into a container.
    Json body = {{"Driver", "local"},
                 {"DriverOpts", {{"type", "none"}, {"o", "bind,private"}, {"device", directory}}},
                 {"Labels", rules::own_labels(call.job.rewrite_context(call.route.version))}};
    const Json made = co_await make_volume(call, name, std::move(body));
    const Json options = made.value("Options", Json::object());
    if (options.value("device", "") != directory) throw EngineFailure("a volume of berth's stands for another directory");
    co_return rules::real_name(call.job.facts.key, name);
}

Task<> list_volumes(Call& call)
{
    const rules::Filters filters = or_refuse(rules::Filters::parse(call.route.query.get("filters"), {"dangling", "driver", "label", "name"}));
    std::unordered_set<std::string> used;
    if (filters.has("dangling")) used = co_await used_volumes(call);
    EngineRequest request{.op = Op::volume_list};
    request.version = call.route.version;
    const auto view = or_refuse(rules::volume_list_view(filters, used, call.job.objects));
    co_await show_list(call, request, *view, "Volumes");
}

Task<> inspect_volume(Call& call)
{
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    const auto view = rules::view_volume(co_await json_of(answer), call.job.objects);
    if (!view) throw EngineFailure("volume inspect has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> create_volume(Call& call)
{
    Job& job = call.job;
    std::string name = call.body.value("Name", "");
    const bool anonymous = name.empty();
    if (anonymous)
        name = fmt::format("{:016x}{:016x}{:016x}{:016x}", random_number(), random_number(), random_number(), random_number());
    else
        name = or_refuse(rules::checked_name(Kind::volume, name));
    Json body = enforce(call, [&](const rules::Profile& profile) {
        return rules::rewrite_volume_create(call.body, profile, job.rewrite_context(call.route.version));
    });

    const Making making(call);
    const auto turn = co_await job.making.hold();
    Json made;
    if (const auto there = job.objects.volume(name)) {
        // As on any engine: creating a volume that exists answers with the one that exists.
        EngineRequest request = inspection_of(Kind::volume, there->id);
        request.version = call.route.version;
        const Answer answer = co_await ask(call, request);
        made = co_await json_of(answer);
    } else {
        made = co_await make_volume(call, name, std::move(body));
    }
    const auto view = rules::view_volume(std::move(made), job.objects);
    if (!view) throw EngineFailure("volume create has an unknown shape");
    co_await call.client.reply_json(201, *view);
}

Task<> remove_volume(Call& call)
{
    const Making making(call);
    const auto turn = co_await call.job.making.hold();  // another request may remove it, and make it anew, meanwhile
    const auto volume_there = call.job.objects.volume(call.route.id);
    if (!volume_there && call.route.query.flag("force")) {
        co_await call.client.reply_empty(204);  // as dockerd: what is not there need not be removed
        co_return;
    }
    call.target = or_refuse(volume_there);
    const EngineRequest request = call.request();
    const Answer answer = co_await exchange(call, request);
    if (answer.ok() || answer.status == 404)
        if (const db::Object* volume = call.job.objects.with_id(Kind::volume, call.target.id)) co_await call.job.objects.gone(volume->row);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    co_await call.client.reply_empty(204);
}

/// The volume is there, and has labels that `filters` let through. A function of its own, so that the
/// answer, which may hold a turn, is freed before the caller waits for a lock.
static Task<bool> passes(Call& call, const db::Object& volume, const rules::Filters& filters)
{
    const Answer inspected = co_await inspect(call, Kind::volume, volume.id);
    if (!inspected.ok()) co_return false;
    const auto view = rules::view_volume(co_await json_of(inspected), call.job.objects);
    if (!view) co_return false;
    const auto labels = view->find("Labels");
    co_return filters.labels_match(labels != view->end() && labels->is_object() ? *labels : Json::object());
}

Task<> prune_volumes(Call& call)
{
    const rules::Filters filters = or_refuse(rules::Filters::parse(call.route.query.get("filters"), {"all", "label", "label!"}));
    // Before API 1.42 a prune took named volumes too; since then only with all=true.
    const bool named_too = call.route.version < rules::Version{1, 42} || or_refuse(filters.flag("all", false));
    const Making making(call);
    const std::unordered_set<std::string> used = co_await used_volumes(call);
    Json deleted = Json::array();
    std::int64_t space = 0;
    for (const db::Object& each : call.job.objects.all(Kind::volume)) {
        const bool anonymous = each.name.size() == 64 && rules::looks_like_id(each.name);
        if (each.id.empty() || rules::is_private_volume(each.name) || (!named_too && !anonymous) || used.contains(each.id)) continue;
        if (!co_await passes(call, each, filters)) continue;
        EngineRequest request{.op = Op::volume_remove};
        request.id = each.id;
        const auto turn = co_await call.job.making.hold();
        if (!call.job.objects.at(each.row)) continue;
        const Answer answer = co_await exchange(call, request);
        if (!answer.ok()) continue;
        co_await call.job.objects.gone(each.row);
        deleted.push_back(each.name);
    }
    co_await call.client.reply_json(200, {{"VolumesDeleted", deleted}, {"SpaceReclaimed", space}});
}

}  // namespace broker
