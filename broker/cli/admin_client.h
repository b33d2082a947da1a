#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "rules/json.h"

namespace broker {

/// Nothing answers at the administration socket.
struct NoDaemon : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A command's question to the daemon, which may take its time unless there is a `limit`. Throws NoDaemon, with a sentence for the user,
/// and std::runtime_error with the daemon's own message when it refuses.
rules::Json ask_daemon(const std::string& admin_socket, const std::string& method, const std::string& target,
                       const std::optional<rules::Json>& body = {}, std::optional<std::chrono::seconds> limit = {});

/// Asks the daemon to close the job at `path` (`/jobs/<id>`; `/jobs`: all of them), and waits hardly longer than `timeout`, even for a daemon
/// that hangs. Its report; of all jobs a list. Throws as ask_daemon does.
rules::Json ask_to_close(const std::string& admin_socket, const std::string& path, std::chrono::seconds timeout);

/// Holds a job open for as long as this process lives, on a thread of its own: a daemon that is away for a while is asked again.
void hold_job(const std::string& admin_socket, const std::string& key);

}  // namespace broker
