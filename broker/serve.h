#pragma once

#include <filesystem>
#include <string>

#include "rules/profile.h"

namespace broker {

struct Config {
    rules::Profile profile = {};  ///< of every job
    std::string engine = "unix:///var/run/docker.sock";
    std::filesystem::path state_dir = "/var/lib/berth";   ///< ledger: berth.db
    std::filesystem::path runtime_dir = "/run/berth";     ///< admin.sock, jobs/<key>/docker.sock
};

/// The daemon: runs until SIGTERM or SIGINT. The process's exit status: 0 after a clean stop, 1 when it could not start.
int serve(const Config& config);

}  // namespace broker
