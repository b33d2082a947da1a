#pragma once

#include "broker/exchange/call.h"

namespace broker {

/// Serves the operation of a call's row and answers. Throws Refused, Gone, EngineFailure.
using Operate = Task<> (*)(Call&);

/// Serves one connection of `job`'s until it closes, request after request.
Task<> serve_job(Socket socket, Job& job, Services services, Operate operate);

}  // namespace broker
