#pragma once

#include "broker/daemon/status.h"

namespace broker {

/// Serves one connection at the administration socket: HTTP with JSON, the same errors as toward jobs.
///
///   GET  /status                 the daemon, in numbers
///   GET  /rules                  → {"path","profiles"}; POST /rules/reload: the same, after the rules were read again
///   GET  /audit?...              requests of the ledger (audit.h)
///   POST /cleanup?dry_run&orphans  the report of Jobs::cleanup
///   GET  /jobs                   open jobs
///   POST /jobs                   {"id","profile","labels","anchor","workspace","workspace_wanted","ttl","lease"} → the job
///   POST /jobs/close?timeout=SECONDS  all of them: a list of what a single close answers, with "id" and "key", or "error"
///   GET  /jobs/JOB               by id or key
///   POST /jobs/JOB/close?timeout=SECONDS → {"removed","kept","left","clean"}
///   POST /jobs/JOB/renew         the lease begins anew
///   POST /jobs/JOB/hold          is not answered: the job stays while the connection does
Task<> serve_admin(std::unique_ptr<Transport> transport, Jobs& jobs, Services services, DaemonFacts daemon);

}  // namespace broker
