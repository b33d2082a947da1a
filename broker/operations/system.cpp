#include <map>

#include "broker/engine/images.h"
#include "broker/exchange/dial.h"
#include "broker/exchange/relay.h"
#include "broker/exchange/shown_list.h"
#include "broker/operations/operations.h"
#include "rules/policy/endpoint_policy.h"
#include "rules/policy/image_policy.h"

namespace broker {

using rules::Json;
using rules::Kind;

Task<> ping(Call& call)
{
    // Builder-Version 1: clients that ask the engine for its builder take the classic one, which is the one that is open.
    const bool options = call.route.endpoint->method == rules::Method::options;
    co_await call.client.reply(
        200, "text/plain; charset=utf-8", options ? "" : "OK",
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
            if (answer.status != 500 || answer.message().find("disk usage operation is already running") == std::string::npos)
                throw Refused{error_of(call, answer)};
        }
    };
    co_await while_client_stays(call, measure());
}

Task<> authenticate(Call& call)
{
    const rules::DialTarget registry = or_refuse(rules::login_target(call.body.value("serveraddress", "")));
    if (!registry.is_hub())
        enforce(call, [&](const rules::Profile& profile) { return rules::check_registry(registry.text, profile, "serveraddress"); });
    co_await check_dial(call, registry, "serveraddress");
    EngineRequest request = call.request();
    request.body = call.body;
    const Answer answer = co_await ask(call, request);
    co_await call.client.reply(answer.status, "application/json", answer.body);
}

Task<> list_plugins(Call& call)
{
    co_await call.client.reply_json(200, Json::array());
}

}  // namespace broker
