#include <ctime>

#include "broker/operations.h"
#include "broker/routes.h"
#include "rules/names.h"
#include "rules/until.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Named;
using rules::Op;

constexpr std::string_view default_name = "bridge";

Task<Answer> inspect_by_id(Call& call, const std::string& id)
{
    EngineRequest request{.op = Op::network_inspect};
    request.version = call.route.version;
    request.id = id;
    co_return co_await call.services.engine.call(request);
}

/// Makes a network called `name` for the job; `body` is what the engine gets, without its name.
Task<Json> make_network(Call& call, const std::string& name, Json body)
{
    Job& job = call.job;
    db::Object object;
    object.kind = Kind::network;
    object.name = name;
    object.real = rules::real_name(job.facts.key, name);
    body["Name"] = object.real;
    body["CheckDuplicate"] = true;  // engines before 25 make a second network of the same name without it
    const std::int64_t row = co_await job.objects.intend(std::move(object));
    const Pending pending(job, row);

    EngineRequest request{.op = Op::network_create};
    request.version = call.route.version;
    request.body = std::move(body);
    const Answer answer = co_await call.services.engine.call(request);
    if (answer.status != 201) {
        job.objects.forget(row);
        throw Refused{error_of(call, answer)};
    }
    Json made = answer.json();
    const std::string id = made.value("Id", "");
    if (id.empty()) throw EngineFailure("network create answered without an id");
    co_await job.objects.live(row, id);
    co_await unmake_after_end(call, {.op = Op::network_remove, .id = id});
    co_return made;
}

/// The job's network that the path names; what only looks like one (host, none, bridge before its first use) cannot be changed.
Named own_network(Call& call)
{
    const auto found = call.job.objects.network(call.route.id);
    if (!found && rules::builtin_network(call.route.id, call.job.objects))
        throw Refused{{403, call.route.id + " is a pre-defined network and cannot be changed", {}, {}, {}}};
    return want(found);
}

}  // namespace

Task<> ensure_default_network(Call& call)
{
    Job& job = call.job;
    if (!job.gateway.empty()) co_return;
    const auto turn = co_await job.making.hold();
    if (!job.gateway.empty()) co_return;
    co_await settle(call, Kind::network, std::string(default_name));
    std::string id;
    if (const auto there = job.objects.network(default_name)) {
        id = there->id;
    } else {
        const Json body = {{"Driver", "bridge"}, {"Labels", rules::own_labels(job.author(call.route.version))}};
        const Json made = co_await make_network(call, std::string(default_name), body);
        id = made.value("Id", "");
    }
    const Answer answer = co_await inspect_by_id(call, id);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    const Json network = answer.json();
    const Json::json_pointer gateway("/IPAM/Config/0/Gateway");
    if (!network.contains(gateway) || !network.at(gateway).is_string()) throw EngineFailure("the job's network has no gateway");
    std::string address = network.at(gateway).get<std::string>();
    job.gateway = address.substr(0, address.find('/'));
}

Task<> list_networks(Call& call)
{
    const rules::Filters filters =
        want(rules::Filters::parse(call.route.query.get("filters"), {"dangling", "driver", "id", "label", "label!", "name", "scope", "type"}));
    EngineRequest request{.op = Op::network_list};
    request.version = call.route.version;
    Json sent;
    sent["label"][std::string(rules::label_key) + "=" + call.job.facts.key] = true;
    for (const std::string& value : filters.values("dangling")) sent["dangling"][value] = true;  // whether it is used, the engine knows
    request.query.set("filters", sent.dump());
    const Answer answer = co_await ask(call, request);
    const Json view = want(rules::view_networks(answer.json(), filters, call.job.objects, call.view_facts()));
    co_await call.client.reply_json(200, view);
}

Task<> inspect_network(Call& call)
{
    const auto found = call.job.objects.network(call.route.id);
    if (!found) {
        const auto builtin = rules::builtin_network(call.route.id, call.job.objects);
        if (!builtin) throw Refused{found.error()};
        co_await call.client.reply_json(200, *builtin);
        co_return;
    }
    call.target = *found;
    const Answer answer = co_await inspect_by_id(call, found->id);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    const auto view = rules::view_network(answer.json(), call.job.objects, call.view_facts());
    if (!view) throw EngineFailure("network inspect has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> create_network(Call& call)
{
    const std::string name = want(rules::checked_name(Kind::network, call.body.value("Name", "")));
    if (name == "host" || name == "none" || name == "default" || name == default_name)
        throw Refused{{403, "operation is not permitted on predefined " + name + " network", {}, {}, {}}};
    co_await settle(call, Kind::network, name);
    if (const db::Object* held = call.job.objects.named(Kind::network, name)) {
        const db::Object holder = *held;
        const bool gone = !holder.id.empty() && (co_await inspect_by_id(call, holder.id)).status == 404;
        if (!gone) throw Refused{{409, "network with name " + name + " already exists", {}, {}, {}}};
        call.job.objects.forget(holder.row);
    }
    Json body = want(rules::rewrite_network_create(call.body, call.job.author(call.route.version), routed_subnets()));
    const Making making(call);
    Json made = co_await make_network(call, name, std::move(body));
    const std::string warning = made.contains("Warning") && made["Warning"].is_string() ? shown(call, made["Warning"].get<std::string>()) : "";
    co_await call.client.reply_json(201, {{"Id", made["Id"]}, {"Warning", warning}});
}

Task<> connect_network(Call& call)
{
    const Making making(call);
    if (call.route.id == default_name) co_await ensure_default_network(call);
    call.target = own_network(call);
    EngineRequest request = call.request();
    request.body = want(rules::rewrite_network_connect(call.body, call.job.objects));
    co_await ask(call, request);
    co_await call.client.reply_empty(200);
}

Task<> disconnect_network(Call& call)
{
    const Making making(call);
    call.target = own_network(call);
    EngineRequest request = call.request();
    request.body = want(rules::rewrite_network_disconnect(call.body, call.job.objects));
    co_await ask(call, request);
    co_await call.client.reply_empty(200);
}

Task<> remove_network(Call& call)
{
    const Making making(call);
    call.target = own_network(call);
    if (call.target.name == default_name) throw Refused{{403, "bridge is a pre-defined network and cannot be removed", {}, {}, {}}};
    const EngineRequest request = call.request();
    const Answer answer = co_await call.services.engine.call(request);
    if (answer.ok() || answer.status == 404)
        if (const db::Object* network = call.job.objects.with_id(Kind::network, call.target.id)) co_await call.job.objects.gone(network->row);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    co_await call.client.reply_empty(204);
}

Task<> prune_networks(Call& call)
{
    const rules::Filters filters = want(rules::Filters::parse(call.route.query.get("filters"), {"label", "label!", "until"}));
    const auto until = want(rules::until_of(filters, std::time(nullptr)));
    const Making making(call);
    Json deleted = Json::array();
    for (const db::Object& each : call.job.objects.all(Kind::network)) {
        if (each.id.empty() || each.name == default_name) continue;
        const Answer inspected = co_await inspect_by_id(call, each.id);
        if (!inspected.ok()) continue;
        const Json network = inspected.json();
        if (network.contains("Containers") && network["Containers"].is_object() && !network["Containers"].empty()) continue;
        if (!filters.labels_match(network.value("Labels", Json::object()))) continue;
        if (until && rules::parse_date(network.value("Created", "")).value_or(0) >= *until) continue;
        EngineRequest request{.op = Op::network_remove};
        request.id = each.id;
        const Answer answer = co_await call.services.engine.call(request);
        if (!answer.ok()) continue;
        co_await call.job.objects.gone(each.row);
        deleted.push_back(each.name);
    }
    co_await call.client.reply_json(200, {{"NetworksDeleted", deleted}});
}

}  // namespace broker
