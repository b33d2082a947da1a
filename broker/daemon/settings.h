#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/daemon/config.h"
#include "rules/profile/profile_file.h"

namespace CLI {
class App;
}

// The one table of what an operator sets. The flags of the commands, berth.toml, its example, its manual page and the
// messages about unknown keys come from it: a further setting is a member of Config and a row.
namespace broker {

/// Which commands have a setting as a flag.
enum SettingUsers : unsigned { daemon = 1, cleanup = 2, doctor = 4, all_users = 7 };

struct Setting {
    using Member = std::variant<std::string& (*)(Config&), std::filesystem::path& (*)(Config&), int& (*)(Config&),
                                std::vector<std::string>& (*)(Config&)>;
    std::string_view key;  ///< in the file; the flag is the same with dashes
    Member member;
    unsigned users;
    std::string_view what;  ///< for the flag's help, the example and the manual page
    std::span<const std::string_view> choices = {};
};

std::span<const Setting> settings();
/// Where the file is looked for when no other is named; none need be there.
constexpr const char* config_path = "/etc/berth/berth.toml";

/// `--network-pool`.
std::string flag_of(const Setting& setting);
/// The value of `config` as it is written in the file.
std::string text_of(const Config& config, const Setting& setting);
/// `config` as a file. `commented`: nothing of it holds until its `# ` is taken away.
std::string config_text(const Config& config, bool commented);

/// The settings in `text` over the defaults. 400 with a line for each mistake: file, line, column, and the nearest key.
rules::Result<Config> read_config(const rules::RulesText& text);
/// The settings of the file at `path`; of `config_path`, if it is there, where `path` is empty. Throws
/// std::runtime_error with a sentence for the user.
Config load_config(const std::string& path);

/// Gives `command` a flag for each setting that `user` has.
void add_settings(CLI::App& command, SettingUsers user);
/// True when the command line has the setting `key`.
bool is_given(const CLI::App& command, std::string_view key);
/// What the command line gives, over `config`.
Config with_flags(Config config, const CLI::App& command);

}  // namespace broker
