#include "rules/names/addresses.h"

#include <arpa/inet.h>

#include <algorithm>

namespace rules {
namespace {

constexpr std::size_t longest = 64;  ///< of an address as text

// The one table of addresses that are nobody's out there. What a cloud's services are called stands with where it is said.
constexpr std::string_view link = "an address of the host's link, where clouds have their metadata service";
constexpr std::string_view metadata = "a metadata service of the host's cloud";
constexpr SpecialRange special[] = {
    {"127.0.0.0/8", "the host's loopback", false},
    {"::1/128", "the host's loopback", false},
    {"0.0.0.0/8", "the host itself", false},  // RFC 1122, 3.2.1.3
    {"::/128", "the host itself", false},
    // RFC 3927. EC2, Google, Azure, Oracle, OpenStack, DigitalOcean: 169.254.169.254; ECS tasks: 169.254.170.2; EKS Pod Identity:
    // 169.254.170.23; Tencent: 169.254.0.23; Scaleway: 169.254.42.42.
    {"169.254.0.0/16", link, true},
    {"fe80::/10", link, false},            // RFC 4291; no router forwards it, so that a container has that of its own network alone
    {"fe80::a9fe:a9fe/128", link, true},   // OpenStack, "Metadata service": over IPv6 on the link itself
    {"168.63.129.16/32", metadata, true},  // Azure, "What is IP address 168.63.129.16?": WireServer
    {"100.100.100.200/32", metadata, true},  // Alibaba Cloud, "View instance metadata"
    {"192.0.0.192/32", metadata, true},      // Oracle Cloud Classic, "Retrieving instance metadata"
    {"fd00:ec2::/32", metadata, true},       // EC2, "Instance metadata": ::254; ECS and EKS: ::23; Amazon's DNS and clock
    {"fd20:ce::254/128", metadata, true},    // Google Cloud, "VM metadata": IPv6-only instances
    {"fd00:c1::a9fe:a9fe/128", metadata, true},  // Oracle Cloud, "Instance metadata": IPv6 endpoint
    {"fd00:42::42/128", metadata, true},         // Scaleway, "Instance metadata"
    {"224.0.0.0/4", "a multicast address", false},
    {"ff00::/8", "a multicast address", false},
    {"240.0.0.0/4", "no address of a host", false},  // RFC 1112, and broadcast
};

constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Address v4(const in_addr& address)
{
    Address out;
    std::ranges::copy(mapped, out.bytes.begin());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&address.s_addr);
    std::copy(bytes, bytes + 4, out.bytes.begin() + 12);
    return out;
}

bool begins(const Address& address, std::initializer_list<std::uint8_t> bytes)
{
    return std::equal(bytes.begin(), bytes.end(), address.bytes.begin());
}

Address v4_at(const Address& address, std::size_t at)
{
    Address out;
    std::ranges::copy(mapped, out.bytes.begin());
    std::copy_n(address.bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, out.bytes.begin() + 12);
    return out;
}

}  // namespace

bool Address::is_v4() const
{
    return std::equal(mapped.begin(), mapped.end(), bytes.begin());
}

std::optional<Address> parse_address(std::string_view text)
{
    if (text.empty() || text.size() > longest) return std::nullopt;
    const std::string copy(text);
    if (in_addr four{}; ::inet_pton(AF_INET, copy.c_str(), &four) == 1) return v4(four);
    Address address;
    if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
    return std::nullopt;
}

std::optional<Address> read_address(std::string_view text)
{
    text = text.substr(0, text.find('%'));
    if (const auto plain = parse_address(text)) return plain;
    // inet_aton stops at a blank; what has one is no name either.
    if (text.empty() || text.size() > longest || text.find_first_not_of("0123456789abcdefxABCDEFX.") != text.npos) return std::nullopt;
    in_addr four{};
    if (::inet_aton(std::string(text).c_str(), &four) == 0) return std::nullopt;
    return v4(four);
}

std::string to_string(const Address& address)
{
    char text[INET6_ADDRSTRLEN] = {};
    if (address.is_v4())
        ::inet_ntop(AF_INET, address.bytes.data() + 12, text, sizeof text);
    else
        ::inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
    return text;
}

Address carried(const Address& address)
{
    if (begins(address, {0, 0x64, 0xff, 0x9b})) return v4_at(address, 12);  // RFC 6052, 8215: NAT64
    if (begins(address, {0x20, 0x02})) return v4_at(address, 2);            // RFC 3056: 6to4
    // RFC 4291, 2.5.5.1. Not :: and ::1.
    if (begins(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) && (address.bytes[12] | address.bytes[13] | address.bytes[14]) != 0)
        return v4_at(address, 12);
    return address;
}

bool Range::contains(const Address& address) const
{
    for (int bit = 0; bit < bits; bit += 8) {
        const auto at = static_cast<std::size_t>(bit / 8);
        const int rest = std::min(8, bits - bit);
        const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
        if (((first.bytes[at] ^ address.bytes[at]) & mask) != 0) return false;
    }
    return true;
}

std::optional<Range> parse_range(std::string_view text)
{
    const std::size_t slash = text.find('/');
    const auto first = parse_address(text.substr(0, slash));
    if (!first) return std::nullopt;
    if (slash == text.npos) return Range{*first, 128};
    const std::string_view digits = text.substr(slash + 1);
    if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != digits.npos || (digits.size() > 1 && digits[0] == '0'))
        return std::nullopt;
    int bits = 0;
    for (const char digit : digits) bits = bits * 10 + (digit - '0');
    if (bits > (first->is_v4() ? 32 : 128)) return std::nullopt;
    const Range range{*first, first->is_v4() ? bits + 96 : bits};
    for (int bit = range.bits; bit < 128; ++bit)
        if ((first->bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
    return range;
}

std::vector<std::string> ranges_of(bool v4, const std::vector<std::string>& texts)
{
    std::vector<std::string> ranges;
    for (const std::string& text : texts)
        if (const auto range = parse_range(text); range && range->is_v4() == v4) ranges.push_back(text);
    return ranges;
}

std::span<const SpecialRange> special_ranges()
{
    return special;
}

std::vector<std::string> cloud_ranges()
{
    std::vector<std::string> ranges;
    for (const SpecialRange& each : special)
        if (each.of_cloud) ranges.emplace_back(each.range);
    return ranges;
}

bool is_everywhere(const std::vector<std::string>& egress)
{
    return std::ranges::find(egress, "internet") != egress.end();
}

}  // namespace rules
