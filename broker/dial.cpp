#include "broker/dial.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>

#include "broker/archive.h"
#include "broker/leases.h"
#include "rules/names.h"

namespace broker {
namespace {

constexpr auto lookup_limit = 5s;
constexpr auto known_for = 5s;
constexpr std::size_t known_max = 1000;

/// The address in `from`; nullopt when it is of no family that is dialled.
std::optional<rules::Address> address_in(const sockaddr* from)
{
    rules::Address address;
    if (from && from->sa_family == AF_INET6) {
        std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr, 16);
        return address;
    }
    if (!from || from->sa_family != AF_INET) return std::nullopt;
    address.bytes[10] = address.bytes[11] = 0xff;
    std::memcpy(address.bytes.data() + 12, &reinterpret_cast<const sockaddr_in*>(from)->sin_addr, 4);
    return address;
}

std::vector<rules::Address> addresses_of(const std::string& name)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    std::vector<rules::Address> addresses;
    if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return addresses;
    for (const addrinfo* each = list; each; each = each->ai_next)
        if (const auto address = address_in(each->ai_addr)) addresses.push_back(*address);
    ::freeaddrinfo(list);
    return addresses;
}

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

std::vector<rules::Address> addresses_of_host()
{
    std::vector<rules::Address> addresses;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) throw std::system_error(errno, std::generic_category(), "the host's addresses cannot be read");
    for (const ifaddrs* each = list; each; each = each->ifa_next)
        if (const auto address = address_in(each->ifa_addr)) addresses.push_back(*address);
    ::freeifaddrs(list);
    return addresses;
}

Task<> Resolver::run(std::shared_ptr<State> state, std::string name, std::string job)
{
    Known known;
    co_await aside([&] { known.addresses = addresses_of(name); }, Aside::name);
    const auto now = Clock::now();
    known.until = now + known_for;
    std::erase_if(state->known, [now](const auto& each) { return each.second.until < now; });
    if (state->known.size() < known_max) state->known.insert_or_assign(name, std::move(known));
    state->busy.erase(job);
}

Task<std::optional<std::vector<rules::Address>>> Resolver::look_up(std::string name, std::string job)
{
    const Executor executor = co_await asio::this_coro::executor;
    const auto deadline = Clock::now() + lookup_limit;
    for (bool begun = false; Clock::now() < deadline; co_await pause(5ms)) {
        if (const auto found = state_->known.find(name); found != state_->known.end() && found->second.until >= Clock::now()) co_return found->second.addresses;
        if (begun || !state_->busy.insert(job).second) continue;
        begun = true;
        asio::co_spawn(executor, run(state_, name, job), asio::detached);
    }
    co_return std::nullopt;
}

Task<> want_dial(Call& call, rules::DialTarget target, std::string field)
{
    rules::DialFacts facts;
    if (rules::needs_facts(target, call.job.profile)) {
        if (!target.is_address()) {
            const auto addresses = co_await call.services.resolver.look_up(target.host, call.job.facts.key);
            if (!addresses) throw Refused{{503, "berth: what " + target.text + " stands for was not known in time: try again, or ask the operator to look at the host's name servers", {}, {}, {}}};
            facts.addresses = *addresses;
        }
        co_await aside([&] { facts.of_host = addresses_of_host(); });
        co_await add_networks(call, facts);
    }
    judged(call, [&](const rules::Profile& profile) { return rules::may_dial(target, facts, profile, field); });
}

}  // namespace broker
