#pragma once

#include <string>
#include <string_view>

#include "rules/endpoints.h"
#include "rules/json.h"

// Requests as they may be kept and shown: what could be a secret is `***`, and the rules say of the rest what they said of
// the whole. Headers are never kept at all.
namespace rules {

/// A body of the row `endpoint`: values of variables, words of commands behind the first, credentials, options of log
/// drivers, and whatever a key calls a secret.
Json redacted(Op op, Json body);

/// A request's target with the values of build arguments, of instructions and of credentials within URLs gone.
std::string redacted_target(std::string_view target);

/// The value of `field` that `endpoint` (`system.auth`) refused, which may be JSON or any text: also without `password=x` and
/// what is in front of a URL's host.
std::string redacted_value(std::string_view endpoint, std::string_view field, const std::string& value);

}  // namespace rules
