#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Addresses of both families as values, and those that stand for something of the host or of its cloud.
namespace rules {

/// An IPv6 address; one of IPv4 is kept as `::ffff:a.b.c.d`.
struct Address {
    std::array<std::uint8_t, 16> bytes{};

    bool is_v4() const;
    bool operator==(const Address&) const = default;
};

/// `127.0.0.1`, `::1`, as they are written in general; nullopt for anything else. `::ffff:1.2.3.4` is 1.2.3.4.
std::optional<Address> parse_address(std::string_view text);
/// The same in every spelling that some resolver takes: also `0x7f.1`, `2130706433`, `017700000001`, and a zone (`%eth0`),
/// which is dropped.
std::optional<Address> read_address(std::string_view text);
std::string to_string(const Address& address);
/// The IPv4 address that `address` carries for a translator (NAT64, 6to4, `::a.b.c.d`), else itself.
Address carried(const Address& address);

/// All addresses that begin with the first `bits` of `first`; of 128, also for IPv4.
struct Range {
    Address first;
    int bits = 128;

    bool contains(const Address& address) const;
    bool is_v4() const { return bits >= 96 && first.is_v4(); }
};

/// `10.0.0.0/8`, `fd00:ec2::/32`, or an address alone; nullopt for anything else, and where bits of a host are set.
std::optional<Range> parse_range(std::string_view text);

/// The part of `texts` that is of IPv4, or of IPv6, as nftables writes it.
std::vector<std::string> ranges_of(bool v4, const std::vector<std::string>& texts);

/// A range of addresses that is nobody's out there.
struct SpecialRange {
    std::string_view range;
    std::string_view what;  ///< as a sentence goes on behind `is`
    bool of_cloud;          ///< one that leads out of a container to what gives out the host's credentials
};

/// All of them: the engine connects to none for a job, containers reach none of those of the cloud.
std::span<const SpecialRange> special_ranges();
/// The ranges of the cloud, as texts.
std::vector<std::string> cloud_ranges();

/// Whether Profile::network_egress lets out everywhere.
bool is_everywhere(const std::vector<std::string>& egress);

/// The name server of containers that have none: on their own loopback, where nothing listens. Views do not show it.
inline constexpr std::string_view no_resolver = "127.0.0.127";

}  // namespace rules
