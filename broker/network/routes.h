#pragma once

#include <string>
#include <vector>

namespace broker {

/// The IPv4 subnets that this host routes, but for the default route: `10.99.0.0/16`. Source: /proc/net/route.
std::vector<std::string> routed_subnets();

/// The same from the text of such a file.
std::vector<std::string> parse_routes(const std::string& text);

/// Removes the bridge `name`, which no engine knows any more. False when there is none, or it cannot be removed.
bool remove_bridge(const std::string& name);

}  // namespace broker
