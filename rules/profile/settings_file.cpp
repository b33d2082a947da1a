#include "rules/profile/settings_file.h"

#include <algorithm>

#include "rules/profile/toml_file.h"

namespace rules {

Result<std::vector<Entry>> read_entries(const RulesText& file, std::span<const std::string_view> known)
{
    std::vector<Entry> entries;
    std::string mistakes;
    const auto mistake = [&](const toml::source_region& region, const std::string& what) {
        mistakes += (mistakes.empty() ? "" : "\n") + where(file.name, region) + ": " + what;
    };
    try {
        for (const toml::table table = toml::parse(file.text, file.name); const auto& [key, node] : table) {
            const std::string name(key.str());
            if (std::ranges::find(known, name) == known.end())
                mistake(key.source(),
                        "unknown key \"" + name + "\"" + did_you_mean(name, {known.begin(), known.end()}));
            else if (std::optional<Value> value = value_of(node))
                entries.push_back({name, *std::move(value), where(file.name, node.source())});
            else
                mistake(node.source(), name + ": it must be a plain value, or a list of texts");
        }
    } catch (const toml::parse_error& error) {
        mistake(error.source(), std::string(error.description()));
    }
    if (!mistakes.empty()) return bad_request(std::move(mistakes));
    return entries;
}

}  // namespace rules
