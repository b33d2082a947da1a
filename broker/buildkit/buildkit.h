#pragma once

#include "broker/exchange/call.h"

// Builds with BuildKit: HTTP/2 and gRPC on the two rows that are upgraded to it. Throw Refused, Gone, EngineFailure, as operations do.
namespace broker {

/// `POST /grpc`: the client calls the engine.
Task<> serve_grpc(Call& call);
/// `POST /session`: the engine calls the client.
Task<> serve_session(Call& call);

}  // namespace broker
