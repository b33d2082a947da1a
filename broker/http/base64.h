#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// base64 with its padding.
std::string to_base64(std::string_view bytes);
/// Of either alphabet, with padding or without; nothing when it is none.
std::optional<std::string> from_base64(std::string text);
/// base64url, as Docker writes its headers.
std::string to_base64url(std::string_view bytes);

}  // namespace broker
