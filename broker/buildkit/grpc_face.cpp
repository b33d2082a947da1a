#include "broker/buildkit/buildkit.h"
#include "broker/buildkit/rpc.h"
#include "broker/buildkit/upgrade.h"
#include "broker/io/log.h"
#include "broker/operations/operations.h"
#include "rules/buildkit/methods.h"
#include "rules/buildkit/view.h"

// `POST /grpc`: the client's calls, each a row of rules/buildkit/methods.cpp.
namespace broker {
namespace {

const std::string serving = "\x08\x01";  // of grpc.health.v1

/// What a refusal is in gRPC. Never that the caller is unknown or may not: some clients take that for the end of the whole connection.
GrpcStatus status_of_refusal(const rules::Error& error)
{
    switch (error.status) {
    case 400: return {GrpcCode::invalid_argument, error.message};
    case 404: return {GrpcCode::not_found, error.message};
    case 429: return {GrpcCode::resource_exhausted, error.message};
    case 502:
    case 503: return {GrpcCode::unavailable, error.message};
    default: return {GrpcCode::failed_precondition, error.message};
    }
}

Task<> serve_workers(Rpc& rpc)
{
    co_await message_of<rules::buildkit::ListWorkersRequest>(rpc);
    const RpcAnswer answer = co_await ask_engine(rpc, rpc.path, {});
    if (answer.status.code != GrpcCode::ok) throw shown_status(rpc.call, answer.status);
    rules::buildkit::ListWorkersResponse workers;
    if (!workers.ParseFromString(answer.message)) throw EngineFailure("the engine's list of workers cannot be read");
    for (auto& each : *workers.mutable_record()) rules::show_worker(each, rpc.call.job.address());
    co_await answer_message(rpc, workers.SerializeAsString());
}

Task<> serve_info(Rpc& rpc)
{
    const RpcAnswer answer = co_await ask_engine(rpc, rpc.path, {});
    if (answer.status.code != GrpcCode::ok) throw shown_status(rpc.call, answer.status);
    co_await answer_message(rpc, answer.message);
}

/// The engine keeps no record of the job's builds.
Task<> serve_history(Rpc& rpc)
{
    const auto request = co_await message_of<rules::buildkit::BuildHistoryRequest>(rpc);
    rpc.stream.answer(grpc_answer());
    if (!request.early_exit()) co_await forever();
    co_await rpc.stream.end(trailers_of({}));
}

Task<> serve_nothing(Rpc& rpc)
{
    co_await read_message(rpc);
    rpc.stream.answer(grpc_answer());
    co_await rpc.stream.end(trailers_of({}));
}

Task<> serve_method(Rpc& rpc, const rules::RpcMethod& method)
{
    switch (method.rpc) {
    case rules::Rpc::health: return answer_message(rpc, serving);
    case rules::Rpc::info: return serve_info(rpc);
    case rules::Rpc::list_workers: return serve_workers(rpc);
    case rules::Rpc::prune: return serve_nothing(rpc);  // a stream of what went
    case rules::Rpc::disk_usage:
    case rules::Rpc::trace: return answer_message(rpc, {});
    case rules::Rpc::status: return serve_status(rpc);
    case rules::Rpc::list_history: return serve_history(rpc);
    case rules::Rpc::bridge_ping: return serve_bridge_ping(rpc);
    case rules::Rpc::bridge_solve: return serve_bridge_solve(rpc);
    case rules::Rpc::bridge_pass: return serve_bridge_pass(rpc);
    case rules::Rpc::update_history: throw GrpcStatus{GrpcCode::not_found, "no such build record"};
    default: throw GrpcStatus{GrpcCode::unimplemented, std::string(method.why)};
    }
}

class Face {
public:
    Face(Call& call, Http2Connection& engine) : call_(call), engine_(engine) {}

    /// One call, from its head to its status.
    Task<> serve(std::shared_ptr<Http2Stream> stream)
    {
        Spend spend(call_.job.texts);
        Record record(call_.job, call_.services.store, call_.head, spend);
        record.endpoint = call_.route.endpoint;
        Call own{call_.services, call_.job, call_.connection, call_.client, call_.head, record, spend, call_.route};
        std::optional<GrpcStatus> failed;
        try {
            co_await serve_in(own, *stream);
        } catch (const GrpcStatus& status) {
            failed = status;
        } catch (const Refused& refused) {
            note_refusal(call_.job, call_.services, record, refused.error, false);
            failed = status_of_refusal(refused.error);
        } catch (const Gone&) {
            failed = GrpcStatus{GrpcCode::unavailable, "berth: the engine has ended the call"};
        } catch (...) {
            failed = failure(record);
        }
        if (!failed || stream->is_over()) co_return;
        try {
            if (stream->has_answered())
                co_await stream->end(trailers_of(*failed));
            else
                answer_status(*stream, *failed);
        } catch (const Gone&) {
            // As above.
        }
    }

private:
    Task<> serve_in(Call& call, Http2Stream& stream)
    {
        const std::string_view path = value_of(stream.head(), ":path");
        if (value_of(stream.head(), ":method") != "POST" || !value_of(stream.head(), "content-type").starts_with("application/grpc"))
            throw GrpcStatus{GrpcCode::unimplemented, "berth: only gRPC is spoken here"};
        co_await keep_pace(call.job);
        const rules::RpcMethod* method = rules::rpc_method(path);
        if (!method) throw GrpcStatus{GrpcCode::unimplemented, "unknown method " + std::string(path.substr(0, 200))};
        Rpc rpc{call, engine_, stream, method->path};
        // These two look themselves whether the client stays: they have something to end.
        if (method->rpc == rules::Rpc::solve)
            co_await serve_solve(rpc);
        else if (method->rpc == rules::Rpc::session)
            co_await serve_inner_session(rpc);
        else if (co_await race(serve_method(rpc, *method), stream.over()) != 0) throw StreamGone("the client has ended the call", 0);
    }

    std::optional<GrpcStatus> failure(const Record& record) const
    {
        try {
            return status_of_refusal(answer_to_failure(call_.job, record, false));
        } catch (const Gone&) {
            return std::nullopt;
        } catch (const std::exception& unknown) {
            log::error("a call failed", {{"job", call_.job.facts.id}, {"error", unknown.what()}});
            return GrpcStatus{GrpcCode::internal, "berth: the call failed"};
        }
    }

    Call& call_;
    Http2Connection& engine_;
};

}  // namespace

Task<> serve_grpc(Call& call)
{
    Upstream upstream = co_await switch_to_http2(call, call.request());
    const CutWithJob while_relayed(call.connection, upstream);
    const Executor executor = co_await asio::this_coro::executor;
    Children children(executor);
    const Http2Limits of_engine{.field_bytes = 64 * 1024};
    Http2Connection engine(upstream.wire(), Http2Connection::Role::client, executor, of_engine);
    Face face(call, engine);
    const auto accept = [&](std::shared_ptr<Http2Stream> stream) {
        if (children.count() < calls_max) children.run(face.serve(std::move(stream)));
    };
    Http2Connection client(call.client.wire(), Http2Connection::Role::server, executor, {}, accept);
    co_await run_both(client, engine, children);
}

}  // namespace broker
