#pragma once

#include <string>
#include <vector>

namespace broker {

struct RunRequest {
    std::string admin;  ///< socket
    std::string id;     ///< of the job; empty: made up
    std::string profile = {};  ///< empty: the daemon chooses
    std::string workspace;  ///< empty: the current directory, if it can be given to containers
    std::vector<std::string> command;
};

/// `berth run`: opens a job, runs the command with DOCKER_HOST at its door, passes signals on, closes the job. The command's exit status.
int run_in_job(const RunRequest& request);

}  // namespace broker
