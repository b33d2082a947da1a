#pragma once

#include "broker/cli/rules_commands.h"

// The commands that read what jobs asked for.
namespace broker {

/// `berth audit`.
void add_audit_command(CLI::App& app, RulesFlags& flags, const std::string& admin, int& status);

/// `berth rules suggest`: a profile for what a job did. The exit status.
int suggest(const RulesFlags& flags, const std::string& admin);
/// `berth rules diff`, as diff(1): 0 when nothing differs, 1 when something does.
int diff(const RulesFlags& flags, const std::string& admin);

}  // namespace broker
