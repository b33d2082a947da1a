#pragma once

#include "broker/buildkit/builds.h"
#include "broker/exchange/call.h"
#include "broker/http2/grpc.h"
#include "rules/buildkit/attributes.h"

namespace broker {

inline constexpr std::size_t rpc_message_max = std::size_t{256} << 10;  ///< bytes of a client's message
inline constexpr std::size_t rpc_answer_max = std::size_t{16} << 20;  ///< bytes of a message of the engine's
inline constexpr std::size_t builds_max = 100;                          ///< of a job at a time, and sessions
inline constexpr std::size_t calls_max = 200;                           ///< of a connection that have not ended, those included whose stream is over

/// One call of a client's, in the hands of what serves it.
struct Rpc {
    Call& call;
    Http2Connection& engine;
    Http2Stream& stream;
    std::string_view path;
};

/// The client's only message. A long one is read when it is its turn among those of its job.
Task<std::string> read_message(Rpc& rpc);

/// The same as `T`; ends the call when it is none.
template <class T>
Task<T> message_of(Rpc& rpc)
{
    const std::string bytes = co_await read_message(rpc);
    T message;
    if (!message.ParseFromString(bytes)) throw GrpcStatus{GrpcCode::invalid_argument, "the message cannot be read"};
    co_return message;
}

/// An answer of one message, and its end.
Task<> answer_message(Rpc& rpc, std::string message);

/// How the engine ended a call, and its only message.
struct RpcAnswer {
    GrpcStatus status;
    std::string message = {};
};
/// Asks the engine, in the build `real` if that is not empty.
Task<RpcAnswer> ask_engine(Rpc& rpc, std::string_view path, const std::string& message, const std::string& real = {});
/// The next message of the engine's, which the job pays for; a long one when it is its turn. nullopt at the end.
Task<std::optional<std::string>> next_answer(Rpc& rpc, GrpcReader& reader);
/// The same as a stream that is open.
Task<std::shared_ptr<Http2Stream>> open_engine(Rpc& rpc, std::string_view path, const std::string& message, const std::string& real = {});
/// A text about a build for the job.
std::string shown_in_build(const Call& call, std::string_view text);
/// The engine's error as the job may read it.
GrpcStatus shown_status(const Call& call, GrpcStatus status);

/// What the job's builds are judged with.
rules::BuildingJob building_job(const Call& call);

/// A source that is no image, which the policy refused: why, for the client.
rules::Error refused_fetch(const std::string& source);
/// The build's sources get what `error` says that its policy refused, where the job may have that: it is pulled for it. False: `error` is
/// another one. Throws Refused.
Task<bool> admit_source(Rpc& rpc, RunningBuild& build, const std::string& error);

// What serves a method.
Task<> serve_inner_session(Rpc& rpc);
Task<> serve_solve(Rpc& rpc);
Task<> serve_status(Rpc& rpc);
Task<> serve_bridge_solve(Rpc& rpc);
Task<> serve_bridge_ping(Rpc& rpc);
Task<> serve_bridge_pass(Rpc& rpc);

}  // namespace broker
