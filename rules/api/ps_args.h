#pragma once

#include <string_view>

#include "rules/result.h"

namespace rules {

/// Whether `ps_args` of a container's `top` may go to the engine, which runs the host's `ps` with it and keeps the
/// lines whose field under the header `PID` is a process of the container.
///
/// 403 (rule `ps-args`) for all but the few usual options: anything that renames a header, or that puts a field with
/// blanks in it before the pid, would let lines of the host's other processes pass.
Result<void> check_ps_args(std::string_view text);

}  // namespace rules
