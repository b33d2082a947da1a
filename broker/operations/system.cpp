#include <fmt/format.h>

#include <map>
#include <set>

#include "broker/dial.h"
#include "broker/engine_events.h"
#include "broker/images.h"
#include "broker/operations.h"
#include "broker/relay.h"
#include "broker/shown_list.h"
#include "rules/endpoint_policy.h"
#include "rules/image_policy.h"
#include "rules/names.h"
#include "rules/until.h"

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
    const auto count = [&counts](Json each) {
        const std::string state = each.value("State", "");
        ++(state == "running" ? counts.running : state == "paused" ? counts.paused : counts.stopped);
    };
    co_await for_containers(call, false, count);
    std::vector<std::string> ids;
    for (const db::Object& each : call.job.objects.all(Kind::image))
        if (!each.id.empty()) ids.push_back(each.id);
    std::ranges::sort(ids);
    counts.images = std::ranges::distance(ids.begin(), std::ranges::unique(ids).begin());
    const auto view = rules::view_info(answer.json(), counts);
    if (!view) throw EngineFailure("info has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

/// How many containers of the job were made of each image, by its id.
static Task<std::map<std::string, std::int64_t>> containers_of_images(Call& call)
{
    std::map<std::string, std::int64_t> made_of;
    const auto count = [&](Json each) {
        if (call.job.objects.by_id(Kind::container, each.value("Id", ""))) ++made_of[each.value("ImageID", "")];
    };
    co_await for_containers(call, false, count);
    co_return made_of;
}

Task<> disk_usage(Call& call)
{
    EngineRequest request = call.request();
    request.query.erase("verbose");
    const auto made_of = co_await containers_of_images(call);
    const auto view = rules::usage_view(made_of, call.job.objects, call.view_facts());
    const auto measure = [&]() -> Task<> {
        // Engines before 23 measure for one client at a time and refuse the others: who they are is not the job's to know.
        for (;; co_await pause(50ms)) {
            const Answer answer = co_await show_lists(call, request, *view);
            if (answer.ok()) break;
            if (answer.status != 500 || answer.message().find("disk usage operation is already running") == std::string::npos) throw Refused{error_of(call, answer)};
        }
    };
    co_await while_client_stays(call, measure());
}

Task<> authenticate(Call& call)
{
    const rules::DialTarget registry = want(rules::login_target(call.body.value("serveraddress", "")));
    if (!registry.is_hub())
        judged(call, [&](const rules::Profile& profile) { return rules::check_registry(registry.text, profile, "serveraddress"); });
    co_await want_dial(call, registry, "serveraddress");
    EngineRequest request = call.request();
    request.body = call.body;
    const Answer answer = co_await ask(call, request);
    co_await call.client.reply(answer.status, "application/json", answer.body);
}

/// The event of an object that bears another job's label. (Who labels an image so hides its events from nobody but itself.)
static bool is_of_another_job(std::string_view line, std::string_view key)
{
    static const std::string label = "\"" + std::string(rules::label_key) + "\":\"";
    const std::size_t at = line.find(label);
    return at != line.npos && !line.substr(at + label.size()).starts_with(key);
}

/// `line` as the job sees it, read once for all streams of the job.
static const SeenEvent& seen_event(Job& job, std::string_view line)
{
    SeenEvent& seen = job.last_event;
    if (seen.line == line) return seen;
    seen = {std::string(line), std::nullopt, nullptr};
    if (is_of_another_job(line, job.facts.key)) return seen;
    Json event = rules::read_json(line).value_or(nullptr);
    if (event.is_object()) seen.event = rules::view_event(std::move(event), job.objects);
    if (seen.event) seen.text = std::make_shared<const std::string>(seen.event->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    return seen;
}

Task<> events(Call& call)
{
    const rules::Query& query = call.route.query;
    const rules::Filters filters = want(rules::Filters::parse(
        query.get("filters"), {"config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret", "service", "type", "volume"}));
    const auto since = want(rules::timestamp_of(query.get("since"))), until = want(rules::timestamp_of(query.get("until")));
    const std::chrono::nanoseconds now = std::chrono::system_clock::now().time_since_epoch();
    const bool only_past = until && (*until <= now || since > until);
    const bool has_past = only_past || until || (since && *since <= now);

    // What happens while the past is asked for is told of once, whether it is heard first or stands there.
    std::set<std::size_t> told;
    const auto view = [&](std::string_view line) -> EngineEvents::Text {
        const SeenEvent& seen = seen_event(call.job, line);
        if (!seen.event || !rules::event_passes(*seen.event, filters)) return nullptr;
        if (has_past && seen.event->value("timeNano", std::int64_t{0}) <= now.count() && !told.insert(std::hash<std::string>{}(*seen.text)).second) return nullptr;
        return seen.text;
    };
    std::optional<EngineEvents::Listener> listener;
    if (!only_past) {
        co_await call.services.events.heard();
        listener.emplace(call.services.events, co_await asio::this_coro::executor, view, until ? Clock::now() + (*until - now) : Clock::time_point::max());
    }
    const auto follow = [&]() -> Task<> {
        if (!listener) co_return;
        for (std::string text = co_await listener->next(); !text.empty(); text = co_await listener->next()) co_await call.client.piece(text);
    };
    const auto tell = [&]() -> Task<> {
        if (!has_past) {
            co_await call.client.begin(200, "application/json");
            co_await follow();
            co_await call.client.end();
            co_return;
        }
        EngineRequest past = call.request();
        past.query.erase("filters");
        if (!only_past) past.query.set("until", fmt::format("{}.{:09}", now.count() / 1'000'000'000, now.count() % 1'000'000'000));
        Upstream upstream = co_await call.services.engine.send(past);
        const UpstreamShown while_relayed(call.connection, upstream);
        const ResponseHead head = co_await upstream.read_head();
        const auto line_view = [&](std::string_view line) {
            const EngineEvents::Text text = view(line);
            return text ? *text : std::string();
        };
        co_await relay_lines(call, upstream, head, line_view, follow);
    };
    co_await while_client_stays(call, tell());
}

Task<> list_plugins(Call& call)
{
    co_await call.client.reply_json(200, Json::array());
}

}  // namespace broker
