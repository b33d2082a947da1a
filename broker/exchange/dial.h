#pragma once

#include <string>

#include "broker/exchange/call.h"
#include "rules/policy/dial.h"

namespace broker {

/// The engine is about to connect to `target` for the job: ends the request unless it may (rules/policy/dial.h). Asked right before each time.
/// `field`: what named it.
Task<> check_dial(Call& call, rules::DialTarget target, std::string field);

}  // namespace broker
