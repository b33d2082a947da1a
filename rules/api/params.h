#pragma once

#include "rules/api/endpoints.h"
#include "rules/query.h"
#include "rules/result.h"

namespace rules {

/// `query` as it may go on: denied, dropped and forced parameters gone, empty ones too, booleans `1` or `0`, integers
/// canonical.
///
/// 400 for a repeated parameter that is not a list and for an ill-typed value; 403 for denied ones (rule
/// `closed-parameter`) and for unknown ones with a value (rule `unknown-parameter`).
Result<Query> filter_params(const Endpoint& row, const Query& query);

/// 400 for a parameter of a query, as it goes on, that an engine of API `engine` would pass over in silence.
Result<void> check_since(const Endpoint& row, const Query& query, Version engine);

}  // namespace rules
