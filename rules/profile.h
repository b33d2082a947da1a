#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rules {

/// One named set of rules: what a job may do. The defaults here are the built-in profile, which is safe with no rules file at all.
struct Profile {
    std::string name = "default";

    /// Capabilities that may be added, without `CAP_`, upper case. Docker's default set is always there.
    std::vector<std::string> capabilities_allowed;
    /// Sysctls that may be set: exact, or a prefix ending in `.`. net.* only in a network namespace of the container's own.
    std::vector<std::string> sysctls_allowed = {"net.", "kernel.shm_rmid_forced", "kernel.shmmax", "kernel.shmall", "kernel.shmmni",
                                                "kernel.msgmax", "kernel.msgmni", "kernel.msgmnb", "kernel.sem", "fs.mqueue."};
    std::vector<std::string> log_drivers = {"json-file", "local", "none"};

    bool isolation_required = false;  ///< refuse to make networks where the host cannot keep jobs apart (no nftables, a rootless engine)
    bool metadata_reachable = false;  ///< containers may ask the cloud's metadata service, which gives out the host's credentials
    bool host_reachable = true;       ///< containers may reach services of the host itself, not only the job's published ports

    int restart_retries_max = 10;               ///< `always` and `unless-stopped` become on-failure with this count
    int stop_timeout_max = 60;                  ///< seconds
    std::int64_t healthcheck_min = 1000000000;  ///< nanoseconds between probes, at the least
    int healthcheck_retries_max = 100;
    int published_ports_max = 100;                      ///< of one container
    std::int64_t shm_max = std::int64_t{2} << 30;       ///< bytes
    std::int64_t tmpfs_max = std::int64_t{2} << 30;     ///< bytes of one tmpfs
    std::int64_t log_size_max = std::int64_t{256} << 20;  ///< bytes of one log file
    int log_files_max = 2;
    std::int64_t nofile_max = 1048576;
    std::int64_t job_memory = 0;     ///< bytes of all the job's containers together; 0: no limit
    std::int64_t job_nano_cpus = 0;  ///< billionths of a CPU, of all together; 0: no limit
    std::int64_t job_pids = 0;       ///< of all together; 0: no limit
    std::int64_t body_max = std::int64_t{4} << 20;  ///< bytes of a JSON body
};

}  // namespace rules
