#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rules {

/// Whether `text` matches `pattern`: `*` stands for any characters but `/`, `**` for any, `?` for one that is not `/`;
/// all others for themselves.
bool matches(std::string_view pattern, std::string_view text);

/// Whether one of `patterns` matches.
bool matches_any(const std::vector<std::string>& patterns, std::string_view text);

}  // namespace rules
