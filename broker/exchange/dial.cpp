#include "broker/exchange/dial.h"

#include "broker/io/offload.h"
#include "broker/jobs/subnet_leases.h"
#include "broker/network/resolver.h"
#include "rules/names/names.h"

namespace broker {
namespace {

/// Whose the engine's networks are.
Task<> add_networks(Call& call, rules::DialFacts& facts)
{
    const auto networks = co_await networks_of(call.services.engine);
    for (const EngineNetwork& each : networks)
        for (const std::string& subnet : each.subnets)
            if (const auto range = rules::parse_range(subnet))
                (rules::key_of(each.name) == call.job.facts.key ? facts.of_job : facts.of_others).push_back(*range);
}

}  // namespace

Task<> check_dial(Call& call, rules::DialTarget target, std::string field)
{
    rules::DialFacts facts;
    if (rules::needs_facts(target, call.job.profile)) {
        if (!target.is_address()) {
            const auto addresses = co_await call.services.resolver.look_up(target.name, call.job.facts.key);
            if (!addresses)
                throw Refused{{503, "berth: what " + target.text +
                                        " stands for cannot be learnt now: try again, or ask the operator to look at the host's name servers, and at "
                                        "berth-names.socket where berth runs as a service"}};
            facts.addresses = *addresses;
        }
        co_await offload([&] { facts.of_host = addresses_of_host(); });
        co_await add_networks(call, facts);
    }
    enforce(call, [&](const rules::Profile& profile) { return rules::may_dial(target, facts, profile, field); });
}

}  // namespace broker
