#include <ctime>

#include "broker/engine/anchor.h"
#include "broker/exchange/shown_list.h"
#include "broker/io/log.h"
#include "broker/jobs/subnet_leases.h"
#include "broker/network/firewall.h"
#include "broker/operations/operations.h"
#include "rules/api/until.h"
#include "rules/names/names.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Named;
using rules::Op;

constexpr std::string_view default_name = "bridge";

Task<Answer> inspect_by_id(Call& call, const std::string& id)
{
    EngineRequest request = inspection_of(Kind::network, id);
    request.version = call.route.version;
    co_return co_await exchange(call, request);
}

/// Gives back what the network `name` has of the host.
Task<> give_back(Call& call, const std::string& name)
{
    SubnetLeases& leases = call.services.leases;
    const db::SubnetLease* lease = leases.find(call.job.facts.key, name);
    if (!lease) co_return;
    const std::string bridge = lease->bridge;
    // The address that the job was told stays its own until its end.
    if (name != default_name) leases.give_back(call.job.facts.key, name);
    co_await call.services.firewall.release(bridge);
}

/// False: the engine makes it without IPv4, as it was asked.
bool has_ipv4(const Json& body)
{
    return body.value("EnableIPv4", true);
}

/// Asks the engine for the network of the intended `row`; on a subnet of its own that no other network has, and with its rules in force
/// before the bridge is there.
Task<Answer> ask_for_network(Call& call, const std::string& name, const Json& body)
{
    constexpr int tries_max = 3;
    const auto wanted = rules::wanted_subnet(body);
    for (int tries = 1;; ++tries) {
        const auto taken = co_await call.services.leases.take(call.job.facts.key, name, wanted, has_ipv4(body));
        const db::SubnetLease lease = or_refuse(taken);
        const rules::GuardedNetwork guarded = call.job.guarded(lease);
        co_await call.services.firewall.guard(guarded);
        EngineRequest request{.op = Op::network_create};
        request.version = call.route.version;
        request.body = rules::placed_network(body, rules::parse_subnet(lease.subnet), lease.bridge);
        Answer answer = co_await exchange(call, request);
        if (answer.status == 201) {
            co_await call.services.firewall.check();
            if (name == default_name) call.job.gateway = rules::gateway_of(*rules::parse_subnet(lease.subnet));
            co_return answer;
        }
        // Somebody beside us took the subnet since the engine's networks were listed: the next one, then.
        const bool overlaps = answer.message().find("overlap") != std::string::npos;
        co_await give_back(call, name);
        if (!overlaps || wanted || tries == tries_max) co_return answer;
        call.services.leases.give_back(call.job.facts.key, name);
    }
}

/// Makes a network called `name` for the job; `body` is what the engine gets, without its name, subnet and bridge.
Task<Json> make_network(Call& call, const std::string& name, Json body)
{
    Job& job = call.job;
    const auto turn = co_await job.networks.hold();
    if (job.objects.named(Kind::network, name)) throw Refused{{409, "network with name " + name + " already exists"}};
    db::Object object;
    object.kind = Kind::network;
    object.name = name;
    object.real = rules::real_name(job.facts.key, name);
    body["Name"] = object.real;
    body["CheckDuplicate"] = true;  // engines before 25 make a second network of the same name without it
    const std::int64_t row = co_await job.objects.intend(std::move(object));
    const Pending pending(job, row);

    std::optional<Answer> answer;
    try {
        answer = co_await ask_for_network(call, name, body);
    } catch (const Refused&) {
        job.objects.forget(row);
        throw;
    }
    if (answer->status != 201) {
        job.objects.forget(row);
        throw Refused{error_of(call, *answer)};
    }
    Json made = answer->json();
    const std::string id = made.value("Id", "");
    if (id.empty()) throw EngineFailure("network create answered without an id");
    if (job.profile.isolation_required && !call.services.firewall.problem().empty()) {
        const EngineRequest unmake{.op = Op::network_remove, .id = id};
        co_await exchange(call, unmake);
        job.objects.forget(row);
        co_await give_back(call, name);
        or_refuse(rules::Result<void>(
            rules::denied("isolation", "Name", name, "jobs cannot be kept apart on this host: " + call.services.firewall.problem())));
    }
    co_await job.objects.live(row, id);
    co_await unmake_after_end(call, {.op = Op::network_remove, .id = id});
    co_return made;
}

/// The job's network that the path names; what only looks like one (host, none, bridge before its first use) cannot be changed.
Named own_network(Call& call)
{
    const auto found = call.job.objects.network(call.route.id);
    if (!found && rules::builtin_network(call.route.id, call.job.objects))
        throw Refused{{403, call.route.id + " is a pre-defined network and cannot be changed"}};
    return or_refuse(found);
}

}  // namespace

Task<> ensure_default_network(Call& call)
{
    Job& job = call.job;
    if (job.objects.network(default_name)) co_return;
    const auto turn = co_await job.making.hold();
    co_await resolve_intended(call, Kind::network, std::string(default_name));
    if (job.objects.network(default_name)) co_return;
    const Json body = {{"Driver", "bridge"}, {"Labels", rules::own_labels(job.rewrite_context(call.route.version))}};
    const Json made = co_await make_network(call, std::string(default_name), body);
    if (!job.facts.anchor.empty()) co_await join_anchor(call.services.engine, job.facts.anchor, made.value("Id", ""), job.gateway);
}

Task<> list_networks(Call& call)
{
    const rules::Filters filters =
        or_refuse(rules::Filters::parse(call.route.query.get("filters"), {"dangling", "driver", "id", "label", "label!", "name", "scope", "type"}));
    EngineRequest request{.op = Op::network_list};
    request.version = call.route.version;
    Json sent;
    sent["label"][std::string(rules::label_key) + "=" + call.job.facts.key] = true;
    for (const std::string& value : filters.values("dangling")) sent["dangling"][value] = true;  // whether it is used, the engine knows
    request.query.set("filters", sent.dump());
    const auto view = or_refuse(rules::network_list_view(filters, call.job.objects));
    co_await show_list(call, request, *view);
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
    const auto view = rules::view_network(co_await json_of(answer), call.job.objects, call.view_facts());
    if (!view) throw EngineFailure("network inspect has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> create_network(Call& call)
{
    const std::string name = or_refuse(rules::checked_name(Kind::network, call.body.value("Name", "")));
    if (name == "host" || name == "none" || name == "default" || name == default_name)
        throw Refused{{403, "operation is not permitted on predefined " + name + " network"}};
    co_await resolve_intended(call, Kind::network, name);
    if (const db::Object* held = call.job.objects.named(Kind::network, name)) {
        const db::Object holder = *held;
        const bool gone = !holder.id.empty() && (co_await inspect_by_id(call, holder.id)).status == 404;
        if (!gone) throw Refused{{409, "network with name " + name + " already exists"}};
        call.job.objects.forget(holder.row);
    }
    Json body = enforce(call, [&](const rules::Profile& profile) {
        return rules::rewrite_network_create(call.body, profile, call.job.rewrite_context(call.route.version));
    });
    const Making making(call);
    check_room(call, Kind::network);
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
    request.body = or_refuse(rules::rewrite_network_connect(call.body, call.job.objects));
    co_await ask(call, request);
    co_await call.client.reply_empty(200);
}

Task<> disconnect_network(Call& call)
{
    const Making making(call);
    call.target = own_network(call);
    EngineRequest request = call.request();
    request.body = or_refuse(rules::rewrite_network_disconnect(call.body, call.job.objects));
    co_await ask(call, request);
    co_await call.client.reply_empty(200);
}

Task<> remove_network(Call& call)
{
    const Making making(call);
    call.target = own_network(call);
    if (call.target.name == default_name) throw Refused{{403, "bridge is a pre-defined network and cannot be removed"}};
    const auto turn = co_await call.job.networks.hold();
    call.target = own_network(call);  // another request may have removed it, and made it anew, meanwhile
    const EngineRequest request = call.request();
    const Answer answer = co_await exchange(call, request);
    if (answer.ok() || answer.status == 404) {
        if (const db::Object* network = call.job.objects.with_id(Kind::network, call.target.id)) co_await call.job.objects.gone(network->row);
        co_await give_back(call, call.target.name);
    }
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    co_await call.client.reply_empty(204);
}

/// Nobody is on the network, and `filters` and `until` let it through. A function of its own, so that the
/// answer, which may hold a turn, is freed before the caller waits for a lock.
static Task<bool> passes(Call& call, const db::Object& seen, const rules::Filters& filters, std::optional<std::int64_t> until)
{
    const Answer inspected = co_await inspect_by_id(call, seen.id);
    if (!inspected.ok()) co_return false;
    const Json network = co_await json_of(inspected);
    if (network.contains("Containers") && network["Containers"].is_object() && !network["Containers"].empty()) co_return false;
    if (until && rules::parse_date(network.value("Created", "")).value_or(0) >= *until) co_return false;
    co_return filters.labels_match(network.value("Labels", Json::object()));
}

Task<> prune_networks(Call& call)
{
    const rules::Filters filters = or_refuse(rules::Filters::parse(call.route.query.get("filters"), {"label", "label!", "until"}));
    const auto until = or_refuse(rules::until_of(filters, std::time(nullptr)));
    const Making making(call);
    Json deleted = Json::array();
    for (const db::Object& each : call.job.objects.all(Kind::network)) {
        if (each.id.empty() || each.name == default_name) continue;
        if (!co_await passes(call, each, filters, until)) continue;
        EngineRequest request{.op = Op::network_remove};
        request.id = each.id;
        const auto turn = co_await call.job.networks.hold();
        if (!call.job.objects.at(each.row)) continue;
        const Answer answer = co_await exchange(call, request);
        if (!answer.ok()) continue;
        co_await call.job.objects.gone(each.row);
        co_await give_back(call, each.name);
        deleted.push_back(each.name);
    }
    co_await call.client.reply_json(200, {{"NetworksDeleted", deleted}});
}

}  // namespace broker
