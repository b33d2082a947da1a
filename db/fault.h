#pragma once

namespace db {

#ifdef BERTH_FAULTS
/// A step after which everything may stop: as a power cut or SIGKILL would have it. In builds for tests only, and only
/// with BERTH_FAULTS=<file> in the environment: as long as the file holds a number above 0, each step counts it down,
/// and the step that reaches 0 ends the process on the spot.
void fault_point();
#else
inline void fault_point() {}
#endif

}  // namespace db
