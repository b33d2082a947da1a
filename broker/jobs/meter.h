#pragma once

#include <cstdint>

namespace broker {

/// What is counted of one job's requests. Told by broker/exchange alone, at the beginning and the end of each request; no operation counts.
struct Meter {
    std::uint64_t requests = 0;
    std::uint64_t refusals = 0;    ///< that a rule refused
    std::uint64_t observed = 0;    ///< that it would have refused, had the profile been enforced
    std::uint64_t text_bytes = 0;  ///< of bodies, answers and lines that were read for it
};

}  // namespace broker
