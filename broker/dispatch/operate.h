#pragma once

#include "broker/exchange/call.h"

namespace broker {

/// Serves the operation of `call`'s row and answers. Throws Refused, Gone, EngineFailure.
Task<> operate(Call& call);

}  // namespace broker
