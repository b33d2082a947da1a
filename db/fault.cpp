#include "db/fault.h"

#ifdef BERTH_FAULTS

#include <cstdlib>
#include <fstream>
#include <mutex>

namespace db {

void fault_point()
{
    static const char* const file = std::getenv("BERTH_FAULTS");
    if (!file) return;
    static std::mutex mutex;
    const std::scoped_lock lock(mutex);
    long left = 0;
    if (!(std::ifstream(file) >> left) || left <= 0) return;
    std::ofstream(file) << --left << std::flush;
    if (left == 0) std::_Exit(70);
}

}  // namespace db

#endif
