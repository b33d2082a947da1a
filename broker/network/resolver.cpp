#include "broker/network/resolver.h"

#include <ifaddrs.h>

#include <algorithm>
#include <system_error>

#include "broker/io/offload.h"
#include "broker/network/host_names.h"

namespace broker {
namespace {

constexpr auto known_for = 5s;
constexpr std::size_t known_max = 1000;

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

Resolver::Resolver(const std::filesystem::path& companion) : state_(std::make_shared<State>(State{.companion = Unix::endpoint(companion.string())}))
{
}

const Resolver::Known* Resolver::State::find(const std::string& name) const
{
    const auto found = known.find(name);
    return found != known.end() && found->second.until >= Clock::now() ? &found->second : nullptr;
}

Task<> Resolver::run(std::shared_ptr<State> state, std::string name, std::shared_ptr<Lock>, Lock::Held, std::shared_ptr<Lookup> lookup)
{
    const auto begun = Clock::now();
    std::optional<std::vector<rules::Address>> addresses;
    std::error_code ignored;
    if (std::filesystem::exists(state->companion.path(), ignored))
        addresses = co_await ask_for_addresses(state->companion, name);
    else
        co_await offload([&] { addresses = addresses_of(name); }, Threads::name);
    const auto now = Clock::now();
    if (addresses && addresses->empty() && now - begun >= lookup_limit) addresses.reset();  // name servers were waited for in vain
    std::erase_if(state->known, [now](const auto& each) { return each.second.until < now; });
    if (addresses) {
        if (state->known.size() >= known_max) state->known.erase(state->known.begin());  // whoever waited for that one is told to try again
        state->known.insert_or_assign(name, Known{*std::move(addresses), now + known_for});
    }
    std::erase_if(state->turns, [](const auto& each) { return each.second.use_count() == 1; });
    lookup->is_over = true;
    lookup->over.cancel();
}

Task<std::optional<std::vector<rules::Address>>> Resolver::look_up(std::string name, std::string job)
{
    const Executor executor = co_await asio::this_coro::executor;
    std::shared_ptr<Lock> lock = state_->turns[job];
    if (!lock) lock = state_->turns[job] = std::make_shared<Lock>();
    const auto ask = [&]() -> Task<> {
        Lock::Held turn = co_await lock->hold();
        if (state_->find(name)) co_return;  // another one has asked meanwhile
        const auto lookup = std::make_shared<Lookup>(executor);
        asio::co_spawn(executor, run(state_, name, lock, std::move(turn), lookup), asio::detached);
        if (!lookup->is_over) co_await lookup->over.async_wait(use_task_tuple);
    };
    if (!state_->find(name)) co_await within(lookup_limit, ask());
    const Known* found = state_->find(name);
    co_return found ? std::optional(found->addresses) : std::nullopt;
}

}  // namespace broker
