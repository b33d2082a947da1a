#pragma once

#include <set>
#include <string>
#include <vector>

#include "broker/cli/diagnosis.h"
#include "broker/daemon/config.h"

namespace broker {

/// Where to look: what is not given is as the daemon has it, or else as it would have it.
struct DoctorRequest {
    Config config;
    std::set<std::string> given;  ///< settings that hold whatever the daemon has
};

/// Looks at this host, its engine, and berth, whether or not the daemon runs. Changes nothing that stays. Blocks, no
/// longer than some seconds for each that does not answer.
std::vector<Finding> examine(const std::string& admin_socket, const DoctorRequest& request);

}  // namespace broker
