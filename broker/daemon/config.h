#pragma once

#include <filesystem>
#include <string>

#include "broker/engine/image_cache.h"

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

}  // namespace broker
