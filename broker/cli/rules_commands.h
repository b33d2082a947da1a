#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace broker {

/// What the flags of these commands were filled into.
struct RulesFlags {
    std::string rules, profile, method, target, body, directory, job, before, after, since, state_dir = "/var/lib/berth";
    bool json = false, denied = false, follow = false, kept = false;
};

/// `berth rules ...` and `berth audit`: what jobs may do, and what they did. `flags` and `admin` live as long as `app`.
void add_rules_commands(CLI::App& app, RulesFlags& flags, const std::string& admin, int& status);

}  // namespace broker
