#include "broker/dial.h"
#include "broker/images.h"
#include "broker/operations.h"
#include "broker/relay.h"
#include "rules/endpoint_policy.h"

namespace broker {

using rules::Json;
using rules::Kind;
using rules::Op;

Task<> ping(Call& call)
{
    // Builder-Version 1: clients that ask the engine for its builder take the classic one, which is the one that is open.
    const bool options = call.route.endpoint->op == Op::system_options;
    co_await call.client.reply(200, "text/plain; charset=utf-8", options ? "" : "OK",
                               {{"Builder-Version", "1"}, {"Swarm", "inactive"}, {"Cache-Control", "no-cache, no-store, must-revalidate"}, {"Pragma", "no-cache"}});
}

Task<> version(Call& call)
{
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    const rules::Versions versions = rules::versions_under(call.services.engine.versions(), call.job.profile);
    const auto view = rules::view_version(answer.json(), versions.oldest, versions.newest);
    if (!view) throw EngineFailure("version has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> info(Call& call)
{
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    rules::Counts counts;
    const Json containers = co_await containers_of(call, false);
    for (const Json& each : containers) {
        const std::string state = each.value("State", "");
        ++(state == "running" ? counts.running : state == "paused" ? counts.paused : counts.stopped);
    }
    std::vector<std::string> ids;
    for (const db::Object& each : call.job.objects.all(Kind::image))
        if (!each.id.empty()) ids.push_back(each.id);
    std::ranges::sort(ids);
    counts.images = std::ranges::distance(ids.begin(), std::ranges::unique(ids).begin());
    const auto view = rules::view_info(answer.json(), counts);
    if (!view) throw EngineFailure("info has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> disk_usage(Call& call)
{
    EngineRequest request = call.request();
    request.query.erase("verbose");
    Answer answer;
    const auto measure = [&]() -> Task<> {
        // Engines before 23 measure for one client at a time and refuse the others: who they are is not the job's to know.
        for (;; co_await pause(50ms)) {
            answer = co_await call.services.engine.call(request);
            if (answer.status != 500 || answer.message().find("disk usage operation is already running") == std::string::npos) break;
        }
    };
    co_await while_client_stays(call, measure());
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    const auto view = rules::view_df(answer.json(), call.job.objects, call.view_facts());
    if (!view) throw EngineFailure("system df has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> authenticate(Call& call)
{
    const rules::DialTarget registry = want(rules::login_target(call.body.value("serveraddress", "")));
    co_await want_dial(call, registry, "serveraddress");
    EngineRequest request = call.request();
    request.body = call.body;
    const Answer answer = co_await ask(call, request);
    co_await call.client.reply(answer.status, "application/json", answer.body);
}

Task<> events(Call& call)
{
    const rules::Filters filters = want(rules::Filters::parse(
        call.route.query.get("filters"), {"config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret", "service", "type", "volume"}));
    EngineRequest request = call.request();
    request.query.erase("filters");
    const auto view = [&](std::string_view line) -> std::string {
        Json event = Json::parse(line, nullptr, false);
        if (!event.is_object()) return {};
        const auto seen = rules::view_event(std::move(event), filters, call.job.objects);
        return seen ? seen->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n" : std::string();
    };
    const auto relay = [&]() -> Task<> {
        Upstream upstream = co_await call.services.engine.send(request);
        const UpstreamShown while_relayed(call.connection, upstream);
        const ResponseHead head = co_await upstream.read_head();
        co_await relay_lines(call, upstream, head, view, {});
    };
    co_await while_client_stays(call, relay());
}

Task<> list_plugins(Call& call)
{
    co_await call.client.reply_json(200, Json::array());
}

}  // namespace broker
