#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/model.h"
#include "rules/split.h"

// Values of a rules file as text. For rules/knob*.cpp and those who judge by such values.
namespace rules {

/// `1.41`.
std::optional<Version> parse_version(std::string_view text);
/// `90s`, `1m30s`, `500ms`, `2h`, `1d` in nanoseconds.
std::optional<std::int64_t> parse_duration(std::string_view text);

/// `2GiB`, `1536KiB`: read back by parse_size.
std::string size_text(std::int64_t bytes);

/// A TOML string.
std::string toml_text(std::string_view text);
/// A TOML key: bare where it can be.
std::string key_text(std::string_view key);

}  // namespace rules
