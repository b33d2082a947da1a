#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/judge/verdict.h"
#include "rules/profile/profile_file.h"

namespace rules {

/// What an operator expects of the rules: one request, one profile, allowed or refused.
struct RuleCase {
    std::string place;  ///< `cases.toml:3:1`
    std::string name = {};
    std::string profile = "default";
    AskedRequest request = {};
    bool allow = true;
    std::string rule = {};  ///< that refuses it; empty: any
};

/// The `[[case]]` tables of a TOML file. 400 with a line for each mistake, as of a rules file.
Result<std::vector<RuleCase>> read_cases(const RulesText& file);

/// How the verdict of `book` differs from what `expected` says; nullopt when it does not.
std::optional<std::string> mismatch(const RuleCase& expected, const Rulebook& book);

}  // namespace rules
