#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

// What is made of the very definitions that the command line is read by, of the table of settings and of that of rules,
// so that none of them can say another thing.
namespace broker {

/// A page for man(1): `berth.1`, `berth.toml.5` or `berth-rules.5`.
std::string manual_page(const CLI::App& app, std::string_view page);

/// A script that completes commands and options: for `bash` or `fish`.
std::string completion_script(const CLI::App& app, std::string_view shell);

/// The commands of `app` that a user is told of.
std::vector<const CLI::App*> shown_commands(const CLI::App& app);

}  // namespace broker
