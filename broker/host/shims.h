#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "broker/io/io.h"

// containerd runs a process beside each container, its shim. When the engine is killed while it starts a container, the next containerd may
// not know that shim: it stays, with what runs in the container, though no engine lists either.
namespace broker {

struct Shim {
    pid_t pid = 0;
    std::string container;  ///< full id

    bool operator==(const Shim&) const = default;
};

/// All shims of engines (containerd's namespace `moby`) that this process sees.
std::vector<Shim> shims();

/// The full id of the container that a command line, its words ended by NULs, is the shim of; empty for any other process.
std::string container_of_shim(const std::string& command_line);

/// Kills the shim, if it is that still, and what it started. False when it was gone.
bool kill_shim(const Shim& shim);

/// Sees that the shims of `containers` end, which the engine has removed: those that do not by themselves are killed. How many it were.
Task<int> end_shims(std::set<std::string> containers);

}  // namespace broker
