#pragma once

#include <span>
#include <string_view>

namespace broker {

/// A capability that the daemon works with.
struct Capability {
    int number;
    std::string_view name;
    std::string_view reason;
};

std::span<const Capability> needed_capabilities();

/// From here on this process, and what it starts, has of its capabilities only the needed ones and can gain none (no_new_privs); it leaves
/// no core, and others of its user cannot look into it; what it makes is its user's alone. Before the first thread. Throws
/// std::system_error.
void give_up_privileges();

}  // namespace broker
