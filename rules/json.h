#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "rules/result.h"

namespace rules {

using Json = nlohmann::json;

/// What one JSON text may make of itself: a value takes far more memory than the two bytes that it may be written in.
struct JsonBudget {
    std::size_t nodes;  ///< values and keys
    std::size_t depth;  ///< of objects and lists within each other
};
inline constexpr JsonBudget client_json{std::size_t{64} << 10, 64};
/// Of one answer of the engine, or one element of a list.
inline constexpr JsonBudget engine_json{std::size_t{128} << 10, 128};

/// Bytes of a client as JSON, more strictly than dockerd reads them: a value that Go and we could read differently is refused.
///
/// Refused with 400: a byte-order mark, invalid UTF-8, lone surrogates, NUL in a string or key, bytes behind the value, nesting
/// beyond the budget, the same key twice in one object, numbers beyond 64 bits; with 413: more values and keys than the budget has.
Result<Json> parse_json(std::string_view text, JsonBudget budget = client_json);

/// What the engine answers, as nlohmann reads it; nullopt when it is no JSON or beyond `budget`.
std::optional<Json> read_json(std::string_view text, JsonBudget budget = engine_json);

/// Bytes of all strings and keys in `value`.
std::size_t text_bytes(const Json& value);

/// Null, false, 0, "", [] or {}: what Go leaves at its default.
bool is_zero(const Json& value);

/// How Go's encoding/json folds the names of struct fields: ASCII letters, U+017F as s, U+212A as k (attack: `HoſtConfig`).
std::string fold_key(std::string_view key);

}  // namespace rules
