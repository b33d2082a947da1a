#pragma once

#include <toml++/toml.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/profile/knobs.h"

// What readers of TOML files share. The header is heavy: for rules/*_file.cpp alone.
namespace rules {

/// `rules.toml:3:9`.
std::string where(const std::string& file, const toml::source_region& region);
/// `; did you mean "x"?`, or nothing.
std::string did_you_mean(std::string_view text, const std::vector<std::string_view>& known);
/// nullopt: it is no plain value, nor a list or table of texts.
std::optional<Value> value_of(const toml::node& node);

}  // namespace rules
