#pragma once

#include <filesystem>
#include <string>

#include "broker/engine/image_cache.h"
#include "rules/json.h"

namespace broker {

/// What an operator sets: each member is a row of broker/daemon/settings.cpp.
struct Config {
    std::string log_level = "info";
    std::string group = {};            ///< its members may open jobs and use their doors; empty: root alone
    std::filesystem::path rules = {};  ///< a rules file or a directory of such; empty: berth's own profiles alone
    std::string engine = "unix:///var/run/docker.sock";
    std::filesystem::path state_dir = "/var/lib/berth";   ///< ledger: berth.db
    std::filesystem::path runtime_dir = "/run/berth";     ///< admin.sock, jobs/<key>/docker.sock
    std::filesystem::path names_socket = "/run/berth/names.sock";  ///< berth-names.socket: behind it names of hosts are looked up, if it is there
    // Docker's own pools are 172.17-31 and 192.168, Kubernetes has 10.42, 10.96 and 10.244, clouds and offices the low 10.x: few have this.
    std::string network_pool = "10.213.0.0/16";  ///< every network of a job has its subnet from it
    int network_size = 26;                       ///< bits of one: 61 containers, 1024 networks
    CacheConfig cache = {};
};

/// The daemon: runs until SIGTERM or SIGINT. The process's exit status: 0 after a clean stop, 1 when it could not start.
int serve(const Config& config);

/// `berth cleanup` where no daemon runs: takes the ledger, reports as Jobs::cleanup. Throws std::exception with a sentence for the user.
rules::Json cleanup_alone(const Config& config, bool dry_run, bool orphans);

}  // namespace broker
