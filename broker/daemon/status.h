#pragma once

#include "broker/daemon/config.h"
#include "broker/jobs/jobs.h"

namespace broker {

/// What `berth status` shows besides the jobs.
struct DaemonFacts {
    std::string version;
    Clock::time_point started;
    const Config* config;  ///< outlives this
};

/// The daemon in numbers: what it serves, what it has counted, what it and its engine have on disk, and what is wrong with its ledger.
Task<rules::Json> status(Jobs& jobs, Services services, DaemonFacts daemon);

}  // namespace broker
