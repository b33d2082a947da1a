#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "broker/io/lock.h"
#include "rules/names/firewall.h"

namespace broker {

/// Why this process may not change the packet filter; empty when it may. Changes nothing. Blocks.
std::string firewall_problem();

/// Keeps jobs apart in the host's packet filter: a table of our own (rules/names/firewall.h), replaced as a whole at each
/// change. The engine's chains are never touched.
///
/// Where it cannot be done, `problem` says why, and everything else goes on.
class Firewall {
public:
    /// The table is named after `state_dir`, so that two daemons on a host do not take each other's.
    explicit Firewall(const std::filesystem::path& state_dir);

    /// Replaces what the last process left, at the start of the program.
    Task<> restore(std::vector<rules::GuardedNetwork> networks);
    /// The rules of `network` hold from here on. Before its bridge is made.
    Task<> guard(rules::GuardedNetwork network);
    Task<> release(std::string bridge);
    Task<> release_job(std::string job);

    /// The engine has made a bridge: if none of ours is among our devices, the engine works in another network namespace, where our rules do
    /// not hold. A single one may have been removed under it.
    Task<> check();

    /// Why jobs are not kept apart; empty when they are.
    const std::string& problem() const { return problem_; }
    const std::string& table() const { return table_; }

private:
    bool no_bridge_is_here() const;
    Task<> apply();

    std::string table_;
    std::vector<rules::GuardedNetwork> networks_;
    bool elsewhere_ = false;  ///< where the engine works; the rules stand all the same
    std::string problem_;
    Lock applying_;
    std::uint64_t wanted_ = 0;   ///< counts changes of networks_
    std::uint64_t applied_ = 0;  ///< the last of them that the kernel has
};

}  // namespace broker
