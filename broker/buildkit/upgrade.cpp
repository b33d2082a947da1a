#include "broker/buildkit/upgrade.h"

#include "broker/io/log.h"

namespace broker {
namespace {

constexpr std::string_view protocol = "h2c";

}  // namespace

Task<Upstream> switched_engine(Call& call, const EngineRequest& request)
{
    Upstream upstream = co_await call.services.engine.send(request, protocol);
    const ResponseHead head = co_await answer_head(call, upstream);
    if (head.status != 101) throw EngineFailure("the engine did not switch to HTTP/2");
    co_return std::move(upstream);
}

Task<Upstream> switch_to_http2(Call& call, const EngineRequest& request)
{
    if (!call.head.upgrade || !equal_fold(call.head.header("upgrade"), protocol)) throw Refused{{400, "no upgrade proto in request"}};
    call.client.will_close();
    Upstream upstream = co_await switched_engine(call, request);
    HeadWriter answer = HeadWriter::response(101);
    answer.add("Connection", "Upgrade").add("Upgrade", protocol);
    const std::string text = std::move(answer).finish();
    co_await call.client.start_raw(text);
    co_return std::move(upstream);
}

void Children::run(Task<> work)
{
    ++count_;
    const auto ended = [this](std::exception_ptr failure) {
        if (failure) log::error("a stream of a build failed", {});
        --count_;
        ended_.wake();
    };
    asio::co_spawn(executor_, std::move(work), ended);
}

Task<> Children::all_ended()
{
    while (count_ > 0) co_await ended_.wait();
}

Task<> run_both(Http2Connection& first, Http2Connection& second, Children& children)
{
    std::exception_ptr failed;
    try {
        co_await race(first.run(), second.run());
    } catch (...) {
        failed = std::current_exception();
    }
    first.finish();
    second.finish();
    co_await children.all_ended();
    if (failed) std::rethrow_exception(failed);
}

}  // namespace broker
