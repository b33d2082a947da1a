#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/profile/knobs.h"
#include "rules/profile/profile_file.h"

namespace rules {

/// One line of a settings file.
struct Entry {
    std::string key;
    Value value;
    std::string place;  ///< `berth.toml:3:9`
};

/// The keys of a settings file, which has no tables. 400 with a line for each mistake: file, line, column, key and,
/// where one of `known` is near, that.
Result<std::vector<Entry>> read_entries(const RulesText& file, std::span<const std::string_view> known);

}  // namespace rules
