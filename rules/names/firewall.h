#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rules {

/// A network of a job, as the host's packet filter sees it.
struct GuardedNetwork {
    std::string job;        ///< key
    std::string bridge;     ///< device
    std::string subnet;     ///< `10.213.0.0/26`; empty when it has no IPv4
    bool metadata = false;  ///< Profile::metadata_reachable
    bool host = true;       ///< Profile::host_reachable
    std::vector<std::string> egress = {"internet"};  ///< Profile::network_egress
};

/// The IPv6 subnet of the network that has `bridge`, whether it asks for IPv6 or not: a /64 of a private range, as random as the name of
/// the device, which a network has for its whole life.
std::string subnet6_of(std::string_view bridge);

/// The whole table `inet <table>` as nftables text that replaces, in one transaction, the table that is there; with no
/// network it only goes.
///
/// From a bridge of a job: what goes to a subnet of another job is dropped before the engine's DNAT, because a port
/// that is published on another job's gateway would be translated and answer, and so is what goes to a metadata service
/// (rules/names/addresses.h; but for questions of names, which some clouds answer at the same address); what goes out by
/// another job's bridge is dropped in forward, which holds for any address that is translated, and there too what the
/// job's egress does not name, unless it answers. Both families alike. Policy is accept everywhere: this table only
/// ever takes away.
std::string ruleset(const std::string& table, const std::vector<GuardedNetwork>& networks);

}  // namespace rules
