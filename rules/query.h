#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/result.h"

namespace rules {

/// Docker's truth of a boolean parameter: empty, 0, no, false and none (any case, trimmed) are false, all else is true.
bool is_true(std::string_view value);

/// A parsed query string: decoded keys and values in their order.
class Query {
public:
    Query() = default;

    /// 400 for `;`, a bad `%`, NUL anywhere, control characters in a key, invalid UTF-8.
    static Result<Query> parse(std::string_view text);

    std::optional<std::string_view> find(std::string_view key) const;  ///< the first value
    std::string_view get(std::string_view key) const;                  ///< the first value, or ""
    /// `is_true` of the first value.
    bool flag(std::string_view key, bool absent = false) const;
    std::vector<std::string> all(std::string_view key) const;
    std::size_t count(std::string_view key) const;

    void set(std::string_view key, std::string value);  ///< replaces every value of `key`
    void add(std::string_view key, std::string value);
    void erase(std::string_view key);
    bool empty() const { return items_.empty(); }
    const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

    /// Percent-encoded, without `?`.
    std::string encode() const;

private:
    std::vector<std::pair<std::string, std::string>> items_;
};

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3).
std::string percent_encode(std::string_view text);
/// nullopt for a malformed `%`.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);

}  // namespace rules
