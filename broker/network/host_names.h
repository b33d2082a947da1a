#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/io/io.h"
#include "rules/names/addresses.h"

// Looking up what names of hosts stand for: in this process, or in one that may ask name servers where this one may not. The service has no IP
// sockets: berth-names.socket starts a process for each question (`berth lookup`), which has nothing else.
namespace broker {

constexpr auto lookup_limit = 5s;

/// The address in `from`; nullopt when it is of no family that is dialled.
std::optional<rules::Address> address_in(const sockaddr* from);

/// What this process's C library knows of `name`; none: nothing. nullopt: it may not ask name servers. Blocks.
std::optional<std::vector<rules::Address>> addresses_of(const std::string& name);

/// What the one behind `socket` knows of it; nullopt: it gave no whole answer within `lookup_limit`. Does not throw.
Task<std::optional<std::vector<rules::Address>>> ask_for_addresses(Unix::endpoint socket, std::string name);

/// Its side: the name is a line of stdin, its addresses become a line of stdout, with spaces between them. Exit status.
int answer_with_addresses();

}  // namespace broker
