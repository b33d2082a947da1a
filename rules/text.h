#pragma once

#include <cstddef>
#include <string_view>

// White space as Go's unicode.IsSpace has it: engines trim by that.
namespace rules {

/// The bytes of the white space at the front of `text`; 0 when there is none.
std::size_t space_at_front(std::string_view text);
/// The same at its end.
std::size_t space_at_back(std::string_view text);

}  // namespace rules
