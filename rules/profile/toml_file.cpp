#include "rules/profile/toml_file.h"

namespace rules {
namespace {

std::optional<Value> texts_of(const toml::table& table)
{
    std::map<std::string, std::string> texts;
    for (const auto& [key, each] : table) {
        if (!each.is_string()) return std::nullopt;
        texts[std::string(key.str())] = each.as_string()->get();
    }
    return texts;
}

}  // namespace

std::string where(const std::string& file, const toml::source_region& region)
{
    return file + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
}

std::string did_you_mean(std::string_view text, const std::vector<std::string_view>& known)
{
    const std::string_view near = nearest(text, known);
    return near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?";
}

std::optional<Value> value_of(const toml::node& node)
{
    if (const auto* flag = node.as_boolean()) return flag->get();
    if (const auto* number = node.as_integer()) return number->get();
    if (const auto* number = node.as_floating_point()) return number->get();
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* list = node.as_array()) {
        std::vector<std::string> texts;
        for (const toml::node& each : *list) {
            if (!each.is_string()) return std::nullopt;
            texts.push_back(each.as_string()->get());
        }
        return texts;
    }
    if (const auto* table = node.as_table()) return texts_of(*table);
    return std::nullopt;
}

}  // namespace rules
