#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/json.h"
#include "rules/names/lookup.h"
#include "rules/result.h"

namespace re2 {
class RE2;
}

namespace rules {

/// The `filters` parameter, from either of its two JSON forms.
class Filters {
public:
    /// 400 for malformed JSON, for mixed forms, for a key that is not in `known` (`invalid filter 'x'`), and for more values or longer
    /// patterns than anybody writes.
    static Result<Filters> parse(std::string_view text, std::initializer_list<std::string_view> known);

    bool has(std::string_view key) const;
    const std::vector<std::string>& values(std::string_view key) const;
    /// True when `key` is absent or one of its values equals `text`.
    bool any_equal(std::string_view key, std::string_view text) const;
    /// As dockerd's Match: absent, equal, or a regular expression found in `text`. Go's syntax is RE2's; time is linear in the text. A malformed
    /// pattern, or one of more than 256 bytes, matches itself only.
    bool any_match(std::string_view key, std::string_view text) const;
    /// Every `label` value (`k` or `k=v`) holds for `labels`, and no `label!` value does.
    bool labels_match(const Json& labels) const;
    /// Docker's truth of a boolean filter (`dangling`): `absent` when not given; 400 when it is neither true nor false.
    Result<bool> flag(std::string_view key, bool absent) const;

    void erase(std::string_view key);
    void add(std::string_view key, std::string value);
    bool empty() const { return map_.empty(); }
    /// The newer form, canonical: {"key":{"value":true}}.
    std::string encode() const;

private:
    /// `pattern` is found in `text`.
    bool is_found(const std::string& pattern, std::string_view text) const;

    std::map<std::string, std::vector<std::string>, std::less<>> map_;
    mutable std::map<std::string, std::shared_ptr<const re2::RE2>, std::less<>> compiled_;  ///< of the patterns that were matched so far
};

}  // namespace rules
