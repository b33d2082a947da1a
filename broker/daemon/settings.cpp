#include "broker/daemon/settings.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <system_error>

#include "broker/jobs/rulebook.h"
#include "rules/profile/knob_values.h"
#include "rules/profile/settings_file.h"

namespace broker {
namespace {

namespace fs = std::filesystem;
using C = Config;
using Texts = std::vector<std::string>;

constexpr std::string_view levels[] = {"error", "warn", "info"};

// clang-format off
constexpr Setting table[] = {
    {"engine", [](C& c) -> std::string& { return c.engine; }, all_users, "The engine, as unix:///path"},
    {"state_dir", [](C& c) -> fs::path& { return c.state_dir; }, all_users, "Where the ledger is"},
    {"runtime_dir", [](C& c) -> fs::path& { return c.runtime_dir; }, all_users, "Where the sockets are. Without systemd, or where it is not /run/berth, other commands need --admin"},
    {"names_socket", [](C& c) -> fs::path& { return c.names_socket; }, daemon, "Where names of registries are looked up for berth (berth-names.socket), since as a service it has no IP sockets. Where there is no such socket, berth looks them up itself, if it may have such sockets"},
    {"group", [](C& c) -> std::string& { return c.group; }, daemon, "A group of the host whose members may open jobs and use their doors, as `berth`; empty: root alone. As with Docker's own group, its members are root on the host in effect: they may give a job any directory as its workspace"},
    {"rules", [](C& c) -> fs::path& { return c.rules; }, daemon | cleanup, "What jobs may do: a rules file, or a directory of *.toml; without it, berth's own profiles. SIGHUP reads it again"},
    {"network_pool", [](C& c) -> std::string& { return c.network_pool; }, all_users, "Private IPv4 range from which every network of a job gets its subnet; subnets that the host routes or the engine uses are left out. The default is one that Docker, Kubernetes and most sites do not use"},
    {"network_size", [](C& c) -> int& { return c.network_size; }, all_users, "Prefix length of one subnet: /26 is 61 containers in a network, and 1024 networks from a /16"},
    {"cache_high", [](C& c) -> std::string& { return c.cache.high; }, daemon | cleanup, "Images that jobs pulled and nobody uses are collected, least recently used first, when the engine's file system is fuller than this (bytes or inodes, as 85%), or when all images of the cache together are larger (as 50GiB; what they share counts in each)"},
    {"cache_low", [](C& c) -> std::string& { return c.cache.low; }, daemon | cleanup, "A collection stops at this, in the same unit as cache_high"},
    {"cache_keep", [](C& c) -> Texts& { return c.cache.keep; }, daemon | cleanup, "Images that are never collected, by pattern: alpine, ghcr.io/us/**, *:stable (the flag can be repeated)"},
    {"build_cache", [](C& c) -> std::string& { return c.cache.builds; }, daemon | cleanup, "Size to which the engine's own build cache (BuildKit's, of whoever uses it) is trimmed by the engine; empty: it is left alone"},
    {"log_level", [](C& c) -> std::string& { return c.log_level; }, daemon | cleanup, "Which lines the log has: those of this level and above", levels},
};
// clang-format on

std::string no_value(const std::string& wanted)
{
    return "it must be " + wanted;
}

/// Puts a value into a Config; says what it must be, if it is none.
struct Setter {
    C& config;
    const Setting& setting;
    const rules::Value& value;

    std::string operator()(int& (*member)(C&)) const
    {
        const auto* number = std::get_if<std::int64_t>(&value);
        if (!number || *number < 0 || *number > 1'000'000'000) return no_value("a whole number");
        member(config) = static_cast<int>(*number);
        return {};
    }
    std::string operator()(std::string& (*member)(C&)) const
    {
        const auto* text = std::get_if<std::string>(&value);
        if (!text) return no_value("a text");
        if (!setting.choices.empty() && std::ranges::find(setting.choices, *text) == setting.choices.end()) {
            std::string known;
            for (const std::string_view each : setting.choices) known += (known.empty() ? "" : ", ") + std::string(each);
            return no_value("one of " + known);
        }
        member(config) = *text;
        return {};
    }
    std::string operator()(fs::path& (*member)(C&)) const
    {
        const auto* text = std::get_if<std::string>(&value);
        if (!text) return no_value("a path");
        member(config) = *text;
        return {};
    }
    std::string operator()(Texts& (*member)(C&)) const
    {
        const auto* list = std::get_if<Texts>(&value);
        if (!list) return no_value("a list of texts");
        member(config) = *list;
        return {};
    }
};

std::string set(C& config, const Setting& setting, const rules::Value& value)
{
    return std::visit(Setter{config, setting, value}, setting.member);
}

/// What a flag's words are as a value.
rules::Value value_of(const Setting& setting, const Texts& words)
{
    if (std::holds_alternative<Texts& (*)(C&)>(setting.member)) return words;
    const std::string& word = words.back();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (std::holds_alternative<int& (*)(C&)>(setting.member) && error == std::errc() && end == word.data() + word.size())
        return number;
    return word;
}

struct Writer {
    C& config;

    std::string operator()(int& (*member)(C&)) const { return std::to_string(member(config)); }
    std::string operator()(std::string& (*member)(C&)) const { return rules::toml_text(member(config)); }
    std::string operator()(fs::path& (*member)(C&)) const { return rules::toml_text(member(config).string()); }
    std::string operator()(Texts& (*member)(C&)) const
    {
        std::string text;
        for (const std::string& each : member(config)) text += (text.empty() ? "" : ", ") + rules::toml_text(each);
        return "[" + text + "]";
    }
};

/// `text` in lines of a comment.
std::string comment_of(std::string_view text)
{
    constexpr std::size_t width = 117;
    std::string lines;
    while (!text.empty()) {
        std::size_t end = text.size() <= width ? text.size() : text.rfind(' ', width);
        if (end == text.npos) end = text.size();
        lines += "# " + std::string(text.substr(0, end)) + "\n";
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace

std::span<const Setting> settings()
{
    return table;
}

std::string flag_of(const Setting& setting)
{
    std::string flag = "--" + std::string(setting.key);
    std::ranges::replace(flag, '_', '-');
    return flag;
}

std::string text_of(const Config& config, const Setting& setting)
{
    Config copy = config;
    return std::visit(Writer{copy}, setting.member);
}

std::string config_text(const Config& config, bool commented)
{
    std::string text =
        "# berth's settings, read when the daemon starts. All may be left out: what stands here are the " +
        std::string(commented ? "defaults" : "values") + ".\n# A flag of the same name (--network-pool) overrides the file.\n";
    for (const Setting& each : table)
        text += "\n" + comment_of(each.what) + (commented ? "#" : "") + std::string(each.key) + " = " + text_of(config, each) + "\n";
    return text;
}

rules::Result<Config> read_config(const rules::RulesText& text)
{
    std::vector<std::string_view> known;
    for (const Setting& each : table) known.push_back(each.key);
    const auto entries = rules::read_entries(text, known);
    if (!entries) return tl::unexpected(entries.error());
    Config config;
    std::string mistakes;
    for (const rules::Entry& each : *entries)
        if (const std::string wrong = set(config, *std::ranges::find(table, each.key, &Setting::key), each.value); !wrong.empty())
            mistakes += (mistakes.empty() ? "" : "\n") + each.place + ": " + each.key + ": " + wrong;
    if (!mistakes.empty()) return rules::bad_request(std::move(mistakes));
    return config;
}

Config load_config(const std::string& path)
{
    std::error_code ignored;
    if (path.empty() && !fs::exists(config_path, ignored)) return {};
    const auto text = read_text(path.empty() ? config_path : path);
    auto config = text ? read_config(*text) : tl::unexpected(text.error());
    if (!config) throw std::runtime_error("the settings cannot be used:\n" + config.error().message);
    return *std::move(config);
}

void add_settings(CLI::App& command, SettingUsers user)
{
    for (const Setting& each : table) {
        if ((each.users & user) == 0) continue;
        CLI::Option* option = command.add_option(flag_of(each), CLI::callback_t(), std::string(each.what));
        option->type_name(std::holds_alternative<int& (*)(C&)>(each.member) ? "NUMBER" : "TEXT");
        if (std::holds_alternative<Texts& (*)(C&)>(each.member)) option->take_all();
        if (const std::string text = text_of({}, each); text != "\"\"" && text != "[]") option->default_str(text);
        option->check([&each](const std::string& word) {
            Config scratch;
            return set(scratch, each, value_of(each, {word}));
        });
    }
}

bool is_given(const CLI::App& command, std::string_view key)
{
    const Setting& setting = *std::ranges::find(table, key, &Setting::key);
    const CLI::Option* option = command.get_option_no_throw(flag_of(setting));
    return option && option->count() > 0;
}

Config with_flags(Config config, const CLI::App& command)
{
    for (const Setting& each : table)
        if (is_given(command, each.key))
            set(config, each, value_of(each, command.get_option(flag_of(each))->results()));  // checked when it was read
    return config;
}

}  // namespace broker
