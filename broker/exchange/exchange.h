#pragma once

#include "broker/exchange/call.h"

namespace broker {

/// Serves one connection at a job's door until it closes, request after request.
Task<> serve_job(Socket socket, Job& job, Services services);

}  // namespace broker
