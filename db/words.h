#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "db/failure.h"

// What the ledger's files have in common.
namespace db {

/// The value that `names` has at the place of its number.
template <class Enum, std::size_t size>
Enum named(const std::array<std::string_view, size>& names, std::string_view name)
{
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) throw Failure("the ledger holds an unknown word: " + std::string(name));
    return static_cast<Enum>(found - names.begin());
}

/// `most` as a LIMIT.
inline std::int64_t limit(std::size_t most)
{
    return static_cast<std::int64_t>(std::min<std::size_t>(most, std::numeric_limits<std::int64_t>::max()));
}

}  // namespace db
