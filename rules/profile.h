#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rules {

/// One named set of rules: what a job may do. The defaults here are the built-in profile, which is safe with no rules
/// file at all. What each member means is said once, in the table of knobs (rules/profile/knobs.cpp); 0 stands for no limit.
struct Profile {
    using Texts = std::vector<std::string>;
    using Number = std::int64_t;

    std::string name = "default";
    Texts lineage = {};  ///< the profiles that it extends, nearest first

    std::string mode = "enforce";
    bool observes() const { return mode == "observe"; }

    Texts capabilities_allowed = {};  ///< without `CAP_`, upper case
    Texts capabilities_dropped = {};
    Texts security_options = {};
    bool no_new_privileges = false;
    Texts sysctls_allowed = {
        "net.",          "kernel.shm_rmid_forced", "kernel.shmmax", "kernel.shmall", "kernel.shmmni",
        "kernel.msgmax", "kernel.msgmni",          "kernel.msgmnb", "kernel.sem",    "fs.mqueue."};
    Texts devices_allowed = {};
    bool gpus_allowed = false;
    Texts cdi_allowed = {};
    Texts runtimes_allowed = {};
    std::string runtime_forced = {};
    bool non_root = false;
    bool read_only_root = false;
    Texts namespaces_shared = {"ipc", "network", "pid"};
    Texts env_refused = {};
    std::map<std::string, std::string> env_forced = {};

    std::string binds_allowed = "read-write";
    bool binds_docker_socket = true;
    Texts volume_drivers = {"local"};

    Texts network_drivers = {"bridge"};
    Texts network_subnets = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"};
    bool isolation_required = false;
    bool metadata_reachable = false;
    bool host_reachable = true;
    Texts network_egress = {"internet"};
    std::string ports_address = "job";
    std::string ports_range = "1-65535";
    Number published_ports_max = 100;

    Texts restart_policies = {"no", "on-failure", "always", "unless-stopped"};
    Number restart_retries_max = 10;
    Number stop_timeout_max = 60;         ///< seconds
    Number healthcheck_min = 1000000000;  ///< nanoseconds
    Number healthcheck_retries_max = 100;
    Texts log_drivers = {"json-file", "local", "none"};
    Number log_size_max = Number{256} << 20;
    Number log_files_max = 2;
    Texts ulimits_allowed = {"core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
                             "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
    Number nofile_max = 1048576;

    Number container_memory = 0;
    Number container_memory_max = 0;
    Number container_nano_cpus = 0;
    Number container_nano_cpus_max = 0;
    Number container_pids = 0;
    Number container_pids_max = 0;
    Number shm_max = Number{2} << 30;
    Number tmpfs_max = Number{2} << 30;

    Number job_memory = 0;
    Number job_nano_cpus = 0;
    Number job_pids = 0;
    Number job_containers = 2000;
    Number job_networks = 0;
    Number job_volumes = 5000;
    Number job_execs = 20000;
    Number job_images = 5000;
    Number job_image_bytes = 0;
    Number job_connections = 1000;
    Number job_streams = 250;
    Number job_requests_per_second = 0;
    Number job_time = 0;   ///< seconds
    Number job_grace = 2;  ///< seconds
    Number body_max = Number{4} << 20;
    Number archive_max = Number{64} << 30;

    Texts registries = {"**"};
    Texts registries_local = {};
    std::string image_tags = "any";
    bool image_pull = true;
    bool image_push = true;
    bool image_commit = true;
    bool image_import = true;
    bool image_load = true;
    bool image_export = true;
    std::string image_cache = "pulled";
    Number image_cache_max = 0;
    bool build_allowed = true;
    bool build_cache = true;
    Texts build_networks = {"none", "default", "own", "container"};
    bool build_remote_files = false;
    bool exec_allowed = true;
    Texts exec_users = {"*"};

    Texts endpoints_closed = {};
    std::string api_version_min = {};
    std::string api_version_max = {};

    bool operator==(const Profile&) const = default;
};

}  // namespace rules
