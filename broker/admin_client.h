#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "rules/json.h"

namespace broker {

/// A command's question to the daemon, which may take its time unless there is a `limit`. Throws std::runtime_error with a sentence for the user when the daemon is away, and its own message
/// when it refuses.
rules::Json ask_daemon(const std::string& admin_socket, const std::string& method, const std::string& target, const std::optional<rules::Json>& body = {},
                       std::optional<std::chrono::seconds> limit = {});

}  // namespace broker
