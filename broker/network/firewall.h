#pragma once

#include <filesystem>
#include <set>
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
    /// Steps of BuildKit's builds are on the engine's own bridge, all jobs' on the same one: from there no job and no metadata service is
    /// reached. From here on, until all jobs that asked for it have ended. The host's own containers on that bridge are held to it, too.
    Task<> guard_builds(std::string bridge, const std::string& job);
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
    std::set<std::string> building_;  ///< jobs for whose builds the engine's own bridge is among them
    bool elsewhere_ = false;  ///< where the engine works; the rules stand all the same
    std::string problem_;
    Lock applying_;
    std::uint64_t wanted_ = 0;   ///< counts changes of networks_
    std::uint64_t applied_ = 0;  ///< the last of them that the kernel has
};

}  // namespace broker
