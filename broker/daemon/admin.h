#pragma once

#include "broker/daemon/config.h"
#include "broker/jobs/jobs.h"

namespace broker {

/// What `berth status` shows besides the jobs.
struct Daemon {
    std::string version;
    Clock::time_point started;
    const Config* config;
};

/// Serves one connection at the administration socket: HTTP with JSON, the same errors as toward jobs.
///
///   GET  /status
///   GET  /jobs                   open jobs
///   GET  /rules                  → {"path","profiles"}; POST /rules/reload: the same, after the rules were read again
///   POST /jobs                   {"id","profile","labels","anchor","workspace","workspace_wanted","ttl"} → the job
///   GET  /jobs/ID
///   POST /jobs/ID/close?timeout=SECONDS → {"removed","kept","left"}
Task<> serve_admin(std::unique_ptr<Transport> transport, Jobs& jobs, Services services, Daemon daemon);

}  // namespace broker
