#include "broker/network/firewall.h"

#include <fmt/format.h>
#include <cap-ng.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <ranges>

#include "broker/io/offload.h"
#include "broker/io/log.h"
#include "db/fault.h"

namespace broker {
namespace {

constexpr std::string_view of_builds = "builds";  ///< no job's key

/// Gives `commands` to the kernel; the error's text, or empty.
std::string run_nftables(const std::string& commands, bool dry = false)
{
    // libnftables ends the process when there is no such socket.
    const int probe = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (probe < 0) return fmt::format("the kernel has no nftables: {}", std::strerror(errno));
    ::close(probe);
    nft_ctx* context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!context) return "libnftables cannot be used";
    nft_ctx_set_dry_run(context, dry);
    nft_ctx_buffer_output(context);
    nft_ctx_buffer_error(context);
    std::string error;
    if (nft_run_cmd_from_buffer(context, commands.c_str()) != 0) {
        const char* text = nft_ctx_get_error_buffer(context);
        error = text && *text ? text : "nftables failed";
        error = error.substr(0, error.find('\n'));
        if (error.find("not permitted") != error.npos)
            error = "berth may not change the packet filter (CAP_NET_ADMIN): " + error;
    }
    nft_ctx_free(context);
    return error;
}

std::string table_of(const std::filesystem::path& state_dir)
{
    std::uint32_t hash = 0x811c9dc5;  // FNV-1a
    for (const char byte : state_dir.string()) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x01000193;
    return fmt::format("berth-{:08x}", hash);
}

}  // namespace

std::string firewall_problem()
{
    // Asked first: libnftables writes to stderr where it may do nothing.
    if (::capng_get_caps_process() != 0 || !::capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
        return "berth may not change the packet filter (CAP_NET_ADMIN)";
    const rules::GuardedNetwork sample{"sample", "bt-sample", "10.213.0.0/26", false, false};
    return run_nftables(rules::ruleset("berth-doctor", {sample}), true);
}

Firewall::Firewall(const std::filesystem::path& state_dir) : table_(table_of(state_dir)) {}

bool Firewall::no_bridge_is_here() const
{
    // The engine's own bridge may be another engine's, of the same name.
    const auto is_ours = [](const auto& each) { return each.job != of_builds; };
    auto ours = networks_ | std::views::filter(is_ours);
    return !ours.empty() && std::ranges::none_of(ours, [](const auto& each) { return ::if_nametoindex(each.bridge.c_str()) != 0; });
}

Task<> Firewall::apply()
{
    const std::uint64_t change = ++wanted_;
    const auto turn = co_await applying_.hold();
    if (applied_ >= change) co_return;  // another one has taken ours along
    const std::uint64_t covered = wanted_;
    const std::string text = rules::ruleset(table_, networks_);
    std::string error;
    db::fault_point("before", "firewall");
    co_await offload([&text, &error] { error = run_nftables(text); });
    db::fault_point("after", "firewall");
    applied_ = covered;
    if (elsewhere_)
        error =
            "the engine works in another network namespace (rootless, or on another host), where berth cannot set "
            "rules";
    if (error != problem_ && !error.empty())
        log::warn("jobs are not kept apart on the network", {{"table", table_}, {"error", error}});
    if (error.empty() && !problem_.empty()) log::info("jobs are kept apart on the network", {{"table", table_}});
    problem_ = error;
}

Task<> Firewall::restore(std::vector<rules::GuardedNetwork> networks)
{
    networks_ = std::move(networks);
    elsewhere_ = no_bridge_is_here();
    co_await apply();
}

Task<> Firewall::check()
{
    const bool elsewhere = no_bridge_is_here();
    if (elsewhere == elsewhere_) co_return;
    elsewhere_ = elsewhere;
    co_await apply();
}

Task<> Firewall::guard(rules::GuardedNetwork network)
{
    std::erase_if(networks_, [&](const auto& each) { return each.bridge == network.bridge; });
    networks_.push_back(std::move(network));
    co_await apply();
}

Task<> Firewall::guard_builds(std::string bridge, const std::string& job)
{
    const bool is_guarded = !building_.empty();
    building_.insert(job);
    if (is_guarded) co_return;
    rules::GuardedNetwork network;
    network.job = of_builds;
    network.bridge = std::move(bridge);
    co_await guard(std::move(network));
}

Task<> Firewall::release(std::string bridge)
{
    if (std::erase_if(networks_, [&](const auto& each) { return each.bridge == bridge; }) > 0) co_await apply();
}

Task<> Firewall::release_job(std::string job)
{
    const bool was_last = building_.erase(job) > 0 && building_.empty();
    const auto is_over = [&](const auto& each) { return each.job == job || (was_last && each.job == of_builds); };
    if (std::erase_if(networks_, is_over) > 0) co_await apply();
}

}  // namespace broker
