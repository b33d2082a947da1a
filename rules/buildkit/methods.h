#pragma once

#include <string_view>

// The gRPC methods of a BuildKit engine, and those that it calls of its clients. One table each: what is not in it does not exist.
namespace rules {

/// What a client may call of an engine, over `POST /grpc`.
enum class Rpc {
    health,
    info,
    list_workers,
    disk_usage,
    prune,
    session,
    solve,
    status,
    list_history,
    update_history,
    bridge_ping,
    bridge_solve,
    bridge_pass,  ///< within one build, and of its own results alone
    trace,
    closed,
    count,
};

struct RpcMethod {
    std::string_view path;  ///< `/package.Service/Method`
    Rpc rpc;
    std::string_view why = {};  ///< closed: why, and what to do
};

/// nullptr when there is none of that path.
const RpcMethod* rpc_method(std::string_view path);

/// True for what an engine may call of a client's session, when that announced it.
bool is_session_method(std::string_view path);

/// Of the session: the registry's password, of which berth asks when it pulls what a build rests on.
inline constexpr std::string_view credentials_method = "/moby.filesync.v1.Auth/Credentials";

inline constexpr std::string_view solve_method = "/moby.buildkit.v1.Control/Solve";
inline constexpr std::string_view status_method = "/moby.buildkit.v1.Control/Status";
inline constexpr std::string_view bridge_ping_method = "/moby.buildkit.v1.frontend.LLBBridge/Ping";
inline constexpr std::string_view bridge_solve_method = "/moby.buildkit.v1.frontend.LLBBridge/Solve";

}  // namespace rules
