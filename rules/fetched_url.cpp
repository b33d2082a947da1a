#include "rules/fetched_url.h"

#include <algorithm>

#include "rules/subnets.h"

namespace rules {
namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz";

bool has_only(std::string_view text, std::string_view all, std::string_view more)
{
    return std::ranges::all_of(text, [&](char c) { return all.find(c) != all.npos || more.find(c) != more.npos; });
}

/// Addresses of the host itself and of its own networks.
constexpr Subnet own_networks[] = {
    {0x00000000, 8},   // this host
    {0x0A000000, 8},   // private
    {0x64400000, 10},  // between a provider and its customers
    {0x7F000000, 8},   // loopback
    {0xA9FE0000, 16},  // link-local, metadata of clouds
    {0xAC100000, 12},  // private
    {0xC0A80000, 16},  // private
    {0xE0000000, 3},   // multicast and what is reserved
};

bool may_be_fetched_from(const std::string& host)
{
    if (host.find(':') != host.npos) return false;
    if (host == "localhost" || host.ends_with(".localhost")) return false;
    // `2130706433`, `0x7f.1`: what some readers take for an address is one in its usual spelling.
    const std::string_view last = std::string_view(host).substr(host.rfind('.') + 1);
    if (!last.starts_with("0x") && last.find_first_not_of(digits) != last.npos) return true;
    const auto address = parse_subnet(host);
    return address && address->prefix == 32 &&
           std::ranges::none_of(own_networks, [&](const Subnet& each) { return each.contains(*address); });
}

}  // namespace

std::optional<std::string> host_of_url(std::string_view url)
{
    std::string text(url);
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const std::size_t scheme = text.find("://");
    if (scheme == text.npos || (text.substr(0, scheme) != "http" && text.substr(0, scheme) != "https")) return std::nullopt;
    std::string_view rest = std::string_view(text).substr(scheme + 3);
    rest = rest.substr(0, rest.find_first_of("/?#"));
    std::string_view host = rest;
    if (rest.starts_with('[')) {
        const std::size_t end = rest.find(']');
        if (end == rest.npos) return std::nullopt;
        host = rest.substr(1, end - 1);
        rest.remove_prefix(end + 1);
        if (!has_only(host, digits, "abcdef:.") || host.find(':') == host.npos) return std::nullopt;
    } else {
        host = rest.substr(0, rest.find(':'));
        rest.remove_prefix(host.size());
        if (host.ends_with('.')) host.remove_suffix(1);
        if (host.empty() || host.starts_with('.') || !has_only(host, letters, "0123456789.-_")) return std::nullopt;
    }
    const bool port = rest.empty() || (rest[0] == ':' && has_only(rest.substr(1), digits, ""));
    return port ? std::optional(std::string(host)) : std::nullopt;
}

Result<void> check_fetched(std::string_view url, const std::string& field, const Profile&)
{
    const std::string shown(url.substr(0, 200));
    const auto host = host_of_url(url);
    if (!host)
        return denied("dial", field, shown, "write the URL's scheme and host plainly, without variables, quotes and a user");
    if (may_be_fetched_from(*host)) return {};
    return denied("dial", field, shown,
                  "the engine would fetch it from the host's own network; fetch it in the job and send it with the context, or in a RUN step");
}

}  // namespace rules
