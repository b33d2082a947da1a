#pragma once

#include <cstdint>
#include <string_view>

namespace rules {

/// Whoever does not know it cannot tell what was hashed, not even by trying out short texts.
struct HashKey {
    std::uint64_t first = 0, second = 0;
};

/// SipHash-2-4 of `text`.
std::uint64_t keyed_hash(const HashKey& key, std::string_view text);

}  // namespace rules
