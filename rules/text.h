#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rules {

// White space is what Go's unicode.IsSpace says: engines trim by that.

/// The bytes of the white space at the front of `text`; 0 when there is none.
std::size_t space_at_front(std::string_view text);
/// The same at its end.
std::size_t space_at_back(std::string_view text);

/// ASCII letters in lower case; other bytes stay.
std::string lower(std::string_view text);

/// `a, b, c`.
std::string joined(const std::vector<std::string>& words);

}  // namespace rules
