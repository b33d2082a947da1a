#pragma once

#include <memory>

#include "broker/exchange/call.h"
#include "broker/jobs/caller.h"

namespace broker {

/// Serves the operation of a call's row and answers. Throws Refused, Gone, EngineFailure.
using Operate = Task<> (*)(Call&);

/// Serves what `caller` asks over `transport` until that closes, request after request.
Task<> serve_job(std::unique_ptr<Transport> transport, Caller caller, Services services, Operate operate);

}  // namespace broker
