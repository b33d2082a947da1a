#pragma once

#include <string>
#include <vector>

namespace rules {

/// A network of a job, as the host's packet filter sees it.
struct GuardedNetwork {
    std::string job;        ///< key
    std::string bridge;     ///< device
    std::string subnet;     ///< `10.213.0.0/26`; empty when it has no IPv4
    bool metadata = false;  ///< Profile::metadata_reachable
    bool host = true;       ///< Profile::host_reachable
};

/// The whole table `inet <table>` as nftables text that replaces, in one transaction, the table that is there; with no
/// network it only goes.
///
/// From a bridge of a job: what goes to a subnet of another job is dropped before the engine's DNAT, because a port
/// that is published on another job's gateway would be translated and answer; what goes out by another job's bridge is
/// dropped in forward, which holds for IPv6 and for any address that is translated. Policy is accept everywhere: this
/// table only ever takes away.
std::string ruleset(const std::string& table, const std::vector<GuardedNetwork>& networks);

}  // namespace rules
