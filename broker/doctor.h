#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/diagnosis.h"

namespace broker {

/// Where to look: what is not given is as the daemon has it, or else as it would have it by default.
struct DoctorRequest {
    std::optional<std::string> engine, state_dir, runtime_dir, network_pool;
    std::optional<int> network_size;
};

/// Looks at this host, its engine, and berth, whether or not the daemon runs. Changes nothing that stays. Blocks, no
/// longer than some seconds for each that does not answer.
std::vector<Finding> examine(const std::string& admin_socket, const DoctorRequest& request);

}  // namespace broker
