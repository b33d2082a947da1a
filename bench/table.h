#pragma once

#include <string>
#include <vector>

#include "bench/load.h"

namespace bench {

/// What is aimed at: `field` of berth is at most (`least`: at least) `limit` times that of haproxy.
struct Aim {
    double Sample::* field = nullptr;  ///< null: no aim
    double limit = 0;
    bool least = false;
};

/// The samples of one scenario: one a round, for each target in the targets' order. No samples: not measured.
struct Row {
    std::string name;
    Aim aim;
    std::vector<std::vector<Sample>> samples;
};

/// Memory of one target in KiB.
struct Memory {
    double idle = 0;         ///< before the first request of a job
    double connections = 0;  ///< growth by 1000 idle connections; negative when they were refused
    double after = 0;        ///< all scenarios
    double peak = 0;         ///< while they ran
};

/// Prints the tables in Markdown on standard output. Gives the number of aims that were missed by more than `slack`
/// (0.25: 25 %).
int print_tables(const std::vector<Target>& targets, const std::vector<Row>& requests, const std::vector<Row>& streams,
                 const std::vector<Memory>& memory, double slack);

}  // namespace bench
