#pragma once

#include <string>
#include <string_view>

// Values of a rules file as texts.
namespace rules {

/// A TOML string.
std::string toml_text(std::string_view text);
/// A TOML key: bare where it can be.
std::string key_text(std::string_view key);

}  // namespace rules
