#pragma once

#include <string>
#include <string_view>

namespace db {

/// A job's text, safe to show: control characters (of C1 too) and bytes that are not UTF-8 as `\xNN`, cut to 256 bytes,
/// never within a character or an escape.
std::string printable(std::string_view text);

}  // namespace db
