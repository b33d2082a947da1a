#include "rules/names/subnets.h"

#include <algorithm>
#include <charconv>

namespace rules {
namespace {

/// A number of digits alone, at most `most`. Go refuses 010, others read it as octal.
std::optional<unsigned> number(std::string_view digits, unsigned most)
{
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool padded = digits.size() > 1 && digits[0] == '0';
    if (error != std::errc() || end != digits.data() + digits.size() || value > most || padded) return std::nullopt;
    return value;
}

std::string address_text(std::uint32_t address)
{
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8)
        text += (text.empty() ? "" : ".") + std::to_string(address >> shift & 0xff);
    return text;
}

const Subnet* first_overlap(const Subnet& subnet, const std::vector<Subnet>& taken)
{
    const auto found = std::ranges::find_if(taken, [&](const Subnet& each) { return each.overlaps(subnet); });
    return found == taken.end() ? nullptr : &*found;
}

}  // namespace

std::optional<Subnet> parse_subnet(std::string_view text)
{
    const std::size_t slash = text.find('/');
    std::string_view address = text.substr(0, slash);
    Subnet subnet;
    for (int part = 0; part < 4; ++part) {
        const std::size_t dot = address.find('.');
        if ((dot == address.npos) != (part == 3)) return std::nullopt;
        const auto byte = number(address.substr(0, dot), 255);
        if (!byte) return std::nullopt;
        subnet.address = subnet.address << 8 | *byte;
        if (part < 3) address.remove_prefix(dot + 1);
    }
    if (slash == text.npos) return subnet;
    const auto prefix = number(text.substr(slash + 1), 32);
    if (!prefix) return std::nullopt;
    subnet.prefix = static_cast<int>(*prefix);
    return subnet;
}

std::string to_string(const Subnet& subnet)
{
    return address_text(subnet.address) + "/" + std::to_string(subnet.prefix);
}

std::vector<Subnet> parse_subnets(const std::vector<std::string>& texts)
{
    std::vector<Subnet> subnets;
    for (const std::string& text : texts)
        if (const auto subnet = parse_subnet(text)) subnets.push_back(*subnet);
    return subnets;
}

std::string gateway_of(const Subnet& subnet)
{
    return address_text(subnet.whole().address + 1);
}

bool is_private(const Subnet& subnet)
{
    constexpr Subnet blocks[] = {{10u << 24, 8}, {172u << 24 | 16u << 16, 12}, {192u << 24 | 168u << 16, 16}};
    return std::ranges::any_of(blocks, [&](const Subnet& each) { return each.contains(subnet); });
}

Result<Pool> parse_pool(std::string_view range, int size)
{
    const auto parsed = parse_subnet(range);
    if (!parsed || range.find('/') == range.npos || !is_private(*parsed) || parsed->whole() != *parsed)
        return bad_request(
            "the pool of networks is a private IPv4 range such as 10.213.0.0/16 (10/8, 172.16/12, 192.168/16), not " +
            std::string(range));
    if (size < parsed->prefix || size > 29)
        return bad_request("the networks of " + std::string(range) + " have between " + std::to_string(parsed->prefix) +
                           " and 29 bits, not " + std::to_string(size));
    return Pool{*parsed, size};
}

std::optional<std::uint32_t> next_free(const Pool& pool, std::uint32_t first, const std::vector<Subnet>& taken)
{
    for (std::uint32_t step = 0; step < pool.count(); ++step) {
        const std::uint32_t index = (first + step) % pool.count();
        if (!first_overlap(pool.at(index), taken)) return index;
    }
    return std::nullopt;
}

Result<void> judge_wanted_subnet(const Subnet& wanted, const std::vector<Subnet>& networks,
                                 const std::vector<Subnet>& routed)
{
    if (first_overlap(wanted, networks))
        return tl::unexpected(Error{403,
                                    "Pool overlaps with other one on this address space: leave the subnet " +
                                        to_string(wanted) + " out and berth gives a free one, or give another",
                                    {},
                                    {},
                                    {}});
    // Attack: a bridge with a subnet of the host's LAN takes the traffic of the host to its registry, its DNS, its
    // metadata service.
    if (const Subnet* route = first_overlap(wanted, routed))
        return denied("subnet", "IPAM.Config.Subnet", to_string(wanted),
                      "the host routes " + to_string(*route) + " already: leave it out, or give another subnet");
    return {};
}

Error pool_is_empty(const Pool& pool)
{
    // The words of dockerd, so that clients that look for them find them.
    return {400,
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the "
            "network: all " +
                std::to_string(pool.count()) + " subnets of berth's pool " + to_string(pool.range) +
                " are in use or routed by the host: remove networks, or ask the operator for a larger --network-pool",
            {},
            {},
            {}};
}

}  // namespace rules
