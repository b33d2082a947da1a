#include "rules/bodies_parts.h"

#include <charconv>
#include <cmath>

#include "rules/names.h"

namespace rules {

const Json& section(const Json& holder, const char* key)
{
    static const Json nothing = Json::object();
    const auto found = holder.find(key);
    return found == holder.end() ? nothing : *found;
}

std::string text(const Json& holder, const char* key)
{
    return holder.value(key, std::string());
}

std::int64_t integer(const Json& holder, const char* key)
{
    return holder.value(key, std::int64_t{0});
}

std::string joined(const std::vector<std::string>& words)
{
    std::string text;
    for (const std::string& each : words) text += (text.empty() ? "" : ", ") + each;
    return text;
}

std::vector<std::string> split(std::string_view text, char separator)
{
    std::vector<std::string> pieces;
    for (;;) {
        const std::size_t end = text.find(separator);
        pieces.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return pieces;
        text.remove_prefix(end + 1);
    }
}

std::optional<std::int64_t> parse_size(std::string_view text)
{
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(number)) return std::nullopt;

    std::string unit(end, text.data() + text.size());
    if (unit.starts_with(' ')) unit.erase(0, 1);
    for (char& c : unit)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    constexpr std::string_view prefixes = "kmgtp";
    if (!unit.empty() && prefixes.find(unit[0]) != std::string_view::npos) {
        number = std::ldexp(number, static_cast<int>(10 * (prefixes.find(unit[0]) + 1)));
        unit.erase(0, 1);
        if (unit == "ib") unit.clear();
    }
    if (unit != "" && unit != "b") return std::nullopt;
    if (std::abs(number) >= 9e18) return std::nullopt;
    return static_cast<std::int64_t>(number);
}

Json own_labels(const Author& author)
{
    return {{label_job, author.job}, {label_key, author.key}, {label_profile, author.profile}};
}

void set_labels(Json& holder, const Author& author)
{
    Json labels = own_labels(author);
    for (const auto& [key, value] : section(holder, "Labels").items())
        if (!is_own_label(key)) labels[key] = value;
    holder["Labels"] = std::move(labels);
}

namespace {

constexpr Field auth_fields[] = {
    pass("username", Type::text),      pass("password", Type::text), pass("email", Type::text),
    pass("serveraddress", Type::text), pass("auth", Type::text),     pass("identitytoken", Type::text),
    pass("registrytoken", Type::text),
};

}  // namespace

constinit const Schema auth_schema{"AuthConfig", auth_fields};

}  // namespace rules
