#pragma once

#include <filesystem>
#include <string>

#include "broker/host/systemd.h"

// A door's listening socket. The supervisor keeps it under a name of its own while the daemon is away, so that whoever
// has mounted the socket's file needs no new one: it is the same inode, and who connects meanwhile waits.
namespace broker {

/// The name under which the door of the job `key` is kept.
std::string fdstore_name(const std::string& key);

/// True when `descriptor` is the listening socket whose file is still at `path`.
bool listens_at(int descriptor, const std::filesystem::path& path);

/// Gives `path` the group of the directory that it is in. Throws std::system_error.
void as_parent(const std::filesystem::path& path);

struct OpenedDoor {
    Acceptor acceptor;
    bool kept = false;  ///< the supervisor has it too: the file is to stay when we end
};

/// The door at `path`, whose directory is made: the socket that `supervisor` kept, if it is still the one at `path`;
/// else a new one. Throws std::exception.
OpenedDoor open_door(Executor executor, const std::filesystem::path& path, const std::string& key,
                     Supervisor& supervisor);

}  // namespace broker
