#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "rules/profile/profile_file.h"

namespace broker {

/// What the flags of these commands were filled into.
struct RulesFlags {
    std::string rules, profile, method, target, body, directory, job, before, after, since, state_dir = "/var/lib/berth";
    bool json = false, denied = false, follow = false, kept = false;
};

/// The rules at `path`. Throws std::runtime_error with the mistakes.
rules::Rulebook book_at(const std::string& path);
/// The same, or those that the daemon was started with; where no daemon runs, berth's own profiles.
rules::Rulebook rulebook_or_own(const std::string& path, const std::string& admin);
/// Throws std::runtime_error when there is none of that name.
const rules::Profile& profile_of(const rules::Rulebook& book, const std::string& name);

/// `berth rules ...` and `berth audit`: what jobs may do, and what they did. `flags` and `admin` live as long as `app`.
void add_rules_commands(CLI::App& app, RulesFlags& flags, const std::string& admin, int& status);

}  // namespace broker
