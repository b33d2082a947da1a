#pragma once

#include <string_view>

#include "rules/json.h"

// What the engine streams of a pull, a push or a build: a line of JSON for each message.
namespace rules {

/// The first line of `lines`, taken off them, with its end, which the last need not have. `lines` is not empty.
std::string_view take_line(std::string_view& lines);

/// The message in `line`; null when it is none, or has more values than any message of the engine's.
Json read_message(std::string_view line);

}  // namespace rules
