#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "rules/result.h"

namespace rules {

using Json = nlohmann::json;

/// Bytes of a client as JSON, more strictly than dockerd reads them: a value that Go and we could read differently is refused.
///
/// Refused with 400: a byte-order mark, invalid UTF-8, lone surrogates, NUL in a string or key, bytes behind the value, nesting
/// beyond 64, the same key twice in one object, numbers beyond 64 bits.
Result<Json> parse_json(std::string_view text);

/// Null, false, 0, "", [] or {}: what Go leaves at its default.
bool is_zero(const Json& value);

/// How Go's encoding/json folds the names of struct fields: ASCII letters, U+017F as s, U+212A as k (attack: `HoſtConfig`).
std::string fold_key(std::string_view key);

}  // namespace rules
