#pragma once

#include "broker/daemon/config.h"
#include "rules/json.h"

namespace broker {

/// The daemon: runs until SIGTERM or SIGINT. The process's exit status: 0 after a clean stop, 1 when it could not start.
int serve(const Config& config);

/// `berth cleanup` where no daemon runs: takes the ledger, reports as Jobs::cleanup. Throws std::exception with a sentence for the user.
rules::Json cleanup_alone(const Config& config, bool dry_run, bool orphans);

}  // namespace broker
