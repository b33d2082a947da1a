#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "broker/lock.h"
#include "rules/firewall.h"

namespace broker {

/// Why this process may not change the packet filter; empty when it may. Changes nothing. Blocks.
std::string firewall_problem();

/// Keeps jobs apart in the host's packet filter: a table of our own (rules/firewall.h), replaced as a whole at each
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

    /// The engine has made `bridge`: if it is not among our devices, the engine works in another network namespace,
    /// where our rules do not hold; then the table goes.
    Task<> check(std::string bridge);

    /// Why jobs are not kept apart; empty when they are.
    const std::string& problem() const { return problem_; }
    const std::string& table() const { return table_; }

private:
    Task<> apply();

    std::string table_;
    std::vector<rules::GuardedNetwork> networks_;
    bool elsewhere_ = false;
    std::string problem_;
    Lock applying_;
    std::uint64_t wanted_ = 0;   ///< counts changes of networks_
    std::uint64_t applied_ = 0;  ///< the last of them that the kernel has
};

}  // namespace broker
