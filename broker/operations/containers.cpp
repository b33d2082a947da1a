#include <ctime>

#include "broker/exchange/relay.h"
#include "broker/exchange/shown_list.h"
#include "broker/operations/operations.h"
#include "rules/api/until.h"
#include "rules/names/names.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Named;
using rules::Op;

/// On a rename the aliases of the old name must go and those of the new one come: an endpoint's aliases are fixed when it is made,
/// so the container is connected anew to each network of the job.
Task<> refresh_aliases(Call& call, const std::string& old_name, const std::string& new_name)
{
    const Answer answer = co_await inspect(call, Kind::container, call.target.id);
    if (!answer.ok()) co_return;
    const Json container = co_await json_of(answer);
    const Json::json_pointer at("/NetworkSettings/Networks");
    if (!container.contains(at) || !container.at(at).is_object()) co_return;
    for (const auto& [key, endpoint] : container.at(at).items()) {
        const Named* known = call.job.objects.by_id(Kind::network, endpoint.value("NetworkID", ""));
        if (!known) continue;
        const Named network = *known;  // rows come and go while the engine is asked
        EngineRequest leave{.op = Op::network_disconnect};
        leave.id = network.id;
        leave.body = Json{{"Container", call.target.id}, {"Force", true}};
        co_await exchange(call, leave);

        Json aliases = Json::array({new_name});
        if (const auto given = endpoint.find("Aliases"); given != endpoint.end() && given->is_array())
            for (const Json& alias : *given)
                if (alias.is_string() && alias != old_name && alias != new_name && !call.target.id.starts_with(alias.get<std::string>()))
                    aliases.push_back(alias);
        Json config = {{"Aliases", aliases}};
        for (const char* kept : {"Links", "IPAMConfig", "DriverOpts", "GwPriority"})
            if (const auto given = endpoint.find(kept); given != endpoint.end() && !given->is_null()) config[kept] = *given;
        EngineRequest join{.op = Op::network_connect};
        join.id = network.id;
        join.body = Json{{"Container", call.target.id}, {"EndpointConfig", config}};
        const Answer joined = co_await exchange(call, join);
        if (!joined.ok()) throw Refused{error_of(call, joined)};
    }
}

}  // namespace

Task<> resolve_intended(Call& call, Kind kind, const std::string& name)
{
    const db::Object* found = call.job.objects.named(kind, name);
    if (!found || found->state != db::ObjectState::intended || call.job.pending.contains(found->row)) co_return;
    const db::Object object = *found;
    const Answer answer = co_await inspect(call, kind, object.real);
    if (answer.ok()) {
        Json inspect = co_await json_of(answer);
        const std::string id = inspect.value("Id", "");
        co_await call.job.objects.live(object.row, id);
        if (kind == Kind::container) co_await call.job.objects.adopt_volumes(id, std::move(inspect));
    } else if (answer.status == 404) {
        co_await call.job.objects.gone(object.row);
    }
}

Task<> unmake_after_end(Call& call, EngineRequest removal)
{
    if (call.job.open()) co_return;
    co_await exchange(call, removal);
    throw Refused{{503, "berth: the job has ended"}};
}

Task<> for_containers(Call& call, bool with_size, std::function<void(Json)> each)
{
    EngineRequest request{.op = Op::container_list};
    request.version = call.route.version;
    request.query.set("all", "1");
    if (with_size) request.query.set("size", "1");
    Json filters;
    filters["label"][std::string(rules::label_key) + "=" + call.job.facts.key] = true;
    request.query.set("filters", filters.dump());
    EachElement elements(std::move(each));
    co_await ask_list(call, request, elements);
}

Task<> list_containers(Call& call)
{
    const rules::Query& query = call.route.query;
    rules::Filters filters =
        or_refuse(rules::Filters::parse(query.get("filters"), {"ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation",
                                                               "label", "name", "network", "publish", "since", "status", "volume"}));
    const long limit = query.get("limit").empty() ? 0 : std::strtol(std::string(query.get("limit")).c_str(), nullptr, 10);
    const bool up_only = !query.flag("all") && limit <= 0 && !filters.has("status");

    // What concerns no name goes on to the engine, together with the label of this job; the rest is judged on the virtual view.
    rules::Filters sent = filters;
    for (const char* ours : {"id", "name", "network", "volume", "before", "since", "ancestor", "label", "status"}) sent.erase(ours);
    sent.add("label", std::string(rules::label_key) + "=" + call.job.facts.key);
    EngineRequest request = call.request();
    request.query = rules::Query();
    request.query.set("all", "1");
    if (query.flag("size")) request.query.set("size", "1");
    request.query.set("filters", sent.encode());
    const std::size_t most = limit > 0 ? static_cast<std::size_t>(limit) : 0;
    const auto view = or_refuse(rules::container_list_view(filters, most, call.job.objects, call.view_facts(), up_only));
    co_await show_list(call, request, *view);
}

Task<> inspect_container(Call& call)
{
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    Json inspect = co_await json_of(answer);
    // What the engine said of a start that failed, as the start's own answer showed it.
    const Json::json_pointer failure("/State/Error");
    if (inspect.contains(failure) && inspect[failure].is_string()) inspect[failure] = shown(call, inspect[failure].get<std::string>());
    const auto view = rules::view_container(std::move(inspect), call.job.objects, call.view_facts());
    if (!view) throw EngineFailure("container inspect has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> stats_of_container(Call& call)
{
    const auto relay = [&]() -> Task<> {
        const EngineRequest request = call.request();
        Upstream upstream = co_await call.services.engine.send(request);
        const CutWithJob while_relayed(call.connection, upstream);
        const auto view = [&call](std::string_view line) { return rules::scrub(call.job.facts.key, line); };
        co_await relay_lines(call, upstream, view, {});
    };
    co_await while_client_stays(call, relay());
}

Task<> stop_container(Call& call)
{
    // A negative time means to wait for ever: nobody may hold a container's lock for so long.
    if (const std::string t(call.route.query.get("t")); !t.empty()) {
        const long most = call.job.profile.stop_timeout_max;
        const long asked = std::strtol(t.c_str(), nullptr, 10);
        call.route.query.set("t", std::to_string(asked < 0 ? most : std::min(asked, most)));
    }
    co_await forward(call);
}

Task<> update_container(Call& call)
{
    EngineRequest request = call.request();
    request.body = enforce(call, [&](const rules::Profile& profile) { return rules::rewrite_container_update(call.body, profile); });
    const Answer answer = co_await ask(call, request);
    co_await call.client.reply(answer.status, "application/json", shown(call, answer.body));
}

Task<> rename_container(Call& call)
{
    Job& job = call.job;
    const std::string asked(call.route.query.get("name"));
    if (asked.empty()) throw Refused{{400, "Neither old nor new names may be empty"}};
    const std::string old_name = call.target.name;
    const Making making(call);
    const std::string name = co_await free_name(call, asked);
    if (job.objects.named(Kind::container, name))
        throw Refused{{409, "Error when allocating new name: Conflict. The container name \"/" + name + "\" is already in use"}};
    const db::Object* object = job.objects.with_id(Kind::container, call.target.id);
    if (!object) throw Refused{{404, "No such container: " + call.route.id}};
    const std::int64_t row = object->row;

    EngineRequest request = call.request();
    const std::string real = rules::real_name(job.facts.key, name);
    request.query.set("name", real);
    co_await ask(call, request);
    co_await job.objects.rename(row, name, real);
    co_await refresh_aliases(call, old_name, name);
    co_await call.client.reply_empty(204);
}

Task<Answer> remove_container_by_id(Call& call, const std::string& id, bool force, bool volumes)
{
    EngineRequest request{.op = Op::container_remove};
    request.id = id;
    if (force) request.query.set("force", "1");
    if (volumes) request.query.set("v", "1");
    Answer answer = co_await exchange(call, request);
    if (answer.ok() || answer.status == 404) {
        call.job.objects.destroyed(Kind::container, id);
        // With v=1 the engine removed the volumes that were anonymous in it; one that another container uses is still there.
        if (volumes)
            for (const db::Object& volume : call.job.objects.all(Kind::volume)) {
                if (volume.parent != id) continue;
                const Answer left = co_await inspect(call, Kind::volume, volume.id);
                if (left.status == 404) call.job.objects.forget(volume.row);
            }
    }
    co_return answer;
}

Task<> remove_container(Call& call)
{
    const rules::Query& query = call.route.query;
    const Making making(call);
    const Answer answer = co_await remove_container_by_id(call, call.target.id, query.flag("force"), query.flag("v"));
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    co_await call.client.reply_empty(204);
}

Task<> prune_containers(Call& call)
{
    const rules::Filters filters = or_refuse(rules::Filters::parse(call.route.query.get("filters"), {"label", "label!", "until"}));
    const auto view = or_refuse(rules::container_list_view(filters, 0, call.job.objects, call.view_facts()));
    const auto until = or_refuse(rules::until_of(filters, std::time(nullptr)));
    std::vector<std::pair<std::string, std::int64_t>> dead;  // ids, and what each takes of the disk
    const auto judge = [&](Json element) {
        const auto each = view->show(std::move(element));
        if (!each) return;
        const std::string state = each->value("State", "");
        if (state != "exited" && state != "created" && state != "dead") return;
        if (until && each->value("Created", std::int64_t{0}) >= *until) return;
        dead.emplace_back(each->value("Id", ""), each->value("SizeRw", std::int64_t{0}));
    };
    co_await for_containers(call, true, judge);
    const Making making(call);
    Json deleted = Json::array();
    std::int64_t space = 0;
    for (const auto& [id, size] : dead) {
        const Answer answer = co_await remove_container_by_id(call, id, false, false);
        if (!answer.ok()) continue;
        deleted.push_back(id);
        space += size;
    }
    co_await call.client.reply_json(200, {{"ContainersDeleted", deleted}, {"SpaceReclaimed", space}});
}

Task<> attach_container(Call& call)
{
    const EngineRequest request = call.request();
    co_await forward_upgrade(call, request);
}

}  // namespace broker
