#pragma once

#include "broker/engine/engine.h"
#include "rules/api/redact.h"

namespace broker {

/// Says what of a job's texts may be kept or logged. Its key is this process's, and written nowhere: who has the ledger cannot try out texts.
const rules::Redactor& redactor();

/// The engine's error `answer`, in words that may be logged.
rules::Error error_of(const Answer& answer);

/// That `what` failed, as the engine's error `answer` tells it, in words that may be logged.
EngineFailure failure_of(const std::string& what, const Answer& answer);

}  // namespace broker
