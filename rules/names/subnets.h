#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/result.h"

// IPv4 subnets as values: which of them a network may have.
namespace rules {

/// An address and how many of its bits are the network's: `10.1.2.0/24`, or a single address with /32.
struct Subnet {
    std::uint32_t address = 0;
    int prefix = 32;

    std::uint32_t mask() const { return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix); }
    bool contains(const Subnet& other) const
    {
        return other.prefix >= prefix && (other.address & mask()) == (address & mask());
    }
    bool overlaps(const Subnet& other) const { return contains(other) || other.contains(*this); }
    /// Without the bits of a host.
    Subnet whole() const { return {address & mask(), prefix}; }
    bool operator==(const Subnet&) const = default;
};

/// `10.1.2.3` or `10.1.2.0/24`; nullopt for anything else, IPv6 among it.
std::optional<Subnet> parse_subnet(std::string_view text);
/// `10.1.2.0/24`.
std::string to_string(const Subnet& subnet);
/// Those of `texts` that are IPv4 subnets.
std::vector<Subnet> parse_subnets(const std::vector<std::string>& texts);

/// The address that a bridge on `subnet` has: the first one, as Docker chooses it.
std::string gateway_of(const Subnet& subnet);

/// Wholly within 10/8, 172.16/12 or 192.168/16.
bool is_private(const Subnet& subnet);

/// What networks are cut from: `range` in subnets of /`size`.
struct Pool {
    Subnet range;
    int size = 26;

    std::uint32_t count() const { return std::uint32_t{1} << (size - range.prefix); }
    Subnet at(std::uint32_t index) const { return {range.address + (index << (32 - size)), size}; }
};

/// 400 unless `range` is a private IPv4 subnet without bits of a host and `size` lies between its prefix and 29.
Result<Pool> parse_pool(std::string_view range, int size);

/// The index of the first subnet of `pool` that overlaps none of `taken`, looked for from `first` on and around.
std::optional<std::uint32_t> next_free(const Pool& pool, std::uint32_t first, const std::vector<Subnet>& taken);

/// Whether a job may have the subnet `wanted`, which is private. `networks`: those of all networks there are; Docker's
/// own overlap error. `routed`: what the host routes; 403.
Result<void> judge_wanted_subnet(const Subnet& wanted, const std::vector<Subnet>& networks,
                                 const std::vector<Subnet>& routed);

/// No subnet of `pool` is left.
Error pool_is_empty(const Pool& pool);

}  // namespace rules
