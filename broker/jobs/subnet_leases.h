#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/engine/engine.h"
#include "db/store.h"
#include "rules/names/subnets.h"

namespace broker {

/// A network of the engine, whoever's it is.
struct EngineNetwork {
    std::string name;
    std::vector<std::string> subnets;  ///< of both families
};
Task<std::vector<EngineNetwork>> networks_of(Engine& engine);

/// Which network of which job has which subnet and which bridge device: one owner each on this host. In memory and in
/// the ledger.
///
/// A subnet is never one that the host routes, that any network of the engine has, or that is leased.
class SubnetLeases {
public:
    SubnetLeases(Engine& engine, db::Store& store, rules::Pool pool) : engine_(engine), store_(store), pool_(pool) {}

    /// Takes over what the ledger has, at the start of the program.
    void restore(std::vector<db::SubnetLease> leases) { leases_ = std::move(leases); }

    /// A lease for a network that is about to be made: on `wanted`, else on the next free subnet of the pool, or
    /// without one. The lease that the network has already is given again as long as its subnet is free. Docker's
    /// overlap error; 400 when the pool is empty.
    Task<rules::Result<db::SubnetLease>> take(std::string job, std::string network, std::optional<rules::Subnet> wanted = {},
                                        bool addressed = true);

    const db::SubnetLease* find(std::string_view job, std::string_view network) const;
    /// The network is gone from the engine, or was never made. So is its device then; but an engine that was killed meanwhile forgets it,
    /// and it is removed here.
    void give_back(const std::string& job, const std::string& network);
    void give_back_all(const std::string& job);

private:
    template <class Which>
    bool end(Which which);
    rules::Result<std::string> choose(const std::string& job, const std::string& network,
                                      std::optional<rules::Subnet> wanted, std::vector<rules::Subnet> taken);

    Engine& engine_;
    db::Store& store_;
    rules::Pool pool_;
    std::uint32_t next_ = 0;  ///< the pool goes round: what was given back rests as long as it can
    std::vector<db::SubnetLease> leases_;
};

}  // namespace broker
