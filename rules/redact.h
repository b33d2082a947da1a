#pragma once

#include <string>
#include <string_view>

namespace rules {

/// What may be kept of a value that `endpoint` (`system.auth`) refused: passwords, tokens and the like are stars, by the
/// endpoint, the field's name, names within the value (`password=x`, `"token":"x"`) and in front of a URL's host.
std::string redacted(std::string_view endpoint, std::string_view field, std::string_view value);

}  // namespace rules
