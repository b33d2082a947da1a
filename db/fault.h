#pragma once

#include <string_view>

namespace db {

#ifdef BERTH_FAULTS
/// A step at which everything may stop: as a power cut or SIGKILL would have it. `when` is `before` or `after`, `what` names it.
///
/// In builds for tests only, and only with BERTH_FAULTS=<file> in the environment. The file holds `<number> <act>`: as long as the number
/// is above 0, each step counts it down; at the step that reaches 0 its name is written to `<file>.step`, and then the process ends on the
/// spot (`end`), or waits until the file holds anything else (`wait`), so that a test can do to the engine what it wants to.
void fault_point(std::string_view when, std::string_view what);
#else
inline void fault_point(std::string_view, std::string_view) {}
#endif

}  // namespace db
