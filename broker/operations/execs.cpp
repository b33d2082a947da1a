#include "broker/exchange/relay.h"
#include "broker/operations/operations.h"

namespace broker {

using rules::Json;
using rules::Kind;

Task<> create_exec(Call& call)
{
    const Making making(call);
    EngineRequest request = call.request();
    request.body = enforce(call, [&](const rules::Profile& profile) { return rules::rewrite_exec_create(call.body, profile); });
    check_room(call, Kind::exec);
    const Answer answer = co_await ask(call, request);
    const std::string id = answer.json().value("Id", "");
    if (id.empty()) throw EngineFailure("exec create answered without an id");
    // No intent: an exec that nobody recorded can be named by nobody, and goes with its container.
    db::Object object;
    object.kind = Kind::exec;
    object.id = object.real = id;
    object.parent = call.target.id;
    co_await call.job.objects.adopt(std::move(object));
    co_await call.client.reply_json(201, {{"Id", id}});
}

Task<> start_exec(Call& call)
{
    EngineRequest request = call.request();
    request.body = call.body;
    co_await forward_upgrade(call, request);
}

Task<> inspect_exec(Call& call)
{
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    const auto view = rules::view_exec(co_await json_of(answer), call.job.objects);
    if (!view) throw EngineFailure("exec inspect has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

}  // namespace broker
