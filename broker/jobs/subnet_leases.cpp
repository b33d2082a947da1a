#include "broker/jobs/subnet_leases.h"

#include <algorithm>

#include "broker/engine/redaction.h"
#include "broker/io/log.h"
#include "broker/io/random.h"
#include "broker/network/routes.h"

namespace broker {

using rules::Json;
using rules::Subnet;

Task<std::vector<EngineNetwork>> networks_of(Engine& engine)
{
    const EngineRequest request{.op = rules::Op::network_list};
    std::vector<EngineNetwork> networks;
    const Json::json_pointer at("/IPAM/Config");
    const auto note = [&](Json each) {
        EngineNetwork& network = networks.emplace_back();
        network.name = each.value("Name", "");
        if (!each.contains(at) || !each.at(at).is_array()) return;
        for (const Json& pool : each.at(at)) network.subnets.push_back(pool.value("Subnet", ""));
    };
    EachElement elements(note);
    const Answer answer = co_await engine.list(request, elements);
    if (!answer.ok()) throw failure_of("the engine does not list its networks", answer);
    co_return networks;
}

rules::Result<std::string> SubnetLeases::choose(const std::string& job, const std::string& network,
                                          std::optional<Subnet> wanted, std::vector<Subnet> taken)
{
    const db::SubnetLease* held = find(job, network);
    for (const db::SubnetLease& each : leases_)
        if (const auto subnet = rules::parse_subnet(each.subnet); subnet && &each != held) taken.push_back(*subnet);
    const std::vector<Subnet> routed = rules::parse_subnets(routed_subnets());
    if (wanted) {
        if (const auto judged = rules::judge_wanted_subnet(*wanted, taken, routed); !judged)
            return tl::unexpected(judged.error());
        return rules::to_string(*wanted);
    }
    taken.insert(taken.end(), routed.begin(), routed.end());
    const auto kept = held ? rules::parse_subnet(held->subnet) : std::nullopt;
    if (kept && std::ranges::none_of(taken, [&](const Subnet& each) { return each.overlaps(*kept); }))
        return held->subnet;
    const auto index = rules::next_free(pool_, next_, taken);
    if (!index) return tl::unexpected(rules::pool_is_empty(pool_));
    next_ = *index + 1;
    return rules::to_string(pool_.at(*index));
}

Task<rules::Result<db::SubnetLease>> SubnetLeases::take(std::string job, std::string network, std::optional<Subnet> wanted,
                                            bool addressed)
{
    db::SubnetLease lease{job, network, {}, {}};
    std::vector<Subnet> taken;
    std::vector<EngineNetwork> networks;
    if (addressed) networks = co_await networks_of(engine_);
    for (const EngineNetwork& each : networks)
        for (const Subnet& subnet : rules::parse_subnets(each.subnets)) taken.push_back(subnet);
    // From here to the end of the memory's change nobody else runs: two at once never get the same.
    if (addressed) {
        rules::Result<std::string> subnet = choose(job, network, wanted, std::move(taken));
        if (!subnet) co_return tl::unexpected(subnet.error());
        lease.subnet = std::move(*subnet);
    }
    const db::SubnetLease* held = find(job, network);
    lease.bridge = held ? held->bridge : "bt-" + random_text(12);  // a device's name has 15 bytes at most
    std::erase_if(leases_, [&](const db::SubnetLease& each) { return each.job == job && each.network == network; });
    leases_.push_back(lease);
    co_await store_.write([lease](db::Ledger& ledger) { ledger.put(lease); });
    co_return lease;
}

const db::SubnetLease* SubnetLeases::find(std::string_view job, std::string_view network) const
{
    const auto found = std::ranges::find_if(
        leases_, [&](const db::SubnetLease& each) { return each.job == job && each.network == network; });
    return found == leases_.end() ? nullptr : &*found;
}

template <class Which>
bool SubnetLeases::end(Which which)
{
    return std::erase_if(leases_, [&which](const db::SubnetLease& each) {
        if (!which(each)) return false;
        if (remove_bridge(each.bridge))
            log::warn("a device was left of a network", {{"job", each.job}, {"network", each.network}, {"device", each.bridge}});
        return true;
    }) > 0;
}

void SubnetLeases::give_back(const std::string& job, const std::string& network)
{
    if (!end([&](const db::SubnetLease& each) { return each.job == job && each.network == network; })) return;
    store_.enqueue([job, network](db::Ledger& ledger) { ledger.end_lease(job, network); });
}

void SubnetLeases::give_back_all(const std::string& job)
{
    if (!end([&](const db::SubnetLease& each) { return each.job == job; })) return;
    store_.enqueue([job](db::Ledger& ledger) { ledger.end_leases(job); });
}

}  // namespace broker
