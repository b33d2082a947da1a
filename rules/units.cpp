#include "rules/units.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

namespace rules {
namespace {

std::optional<int> parse_int(std::string_view text)
{
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

constexpr std::pair<std::string_view, std::int64_t> durations[] = {{"ms", 1'000'000},
                                                                   {"s", 1'000'000'000},
                                                                   {"m", 60'000'000'000},
                                                                   {"h", 3'600'000'000'000},
                                                                   {"d", 86'400'000'000'000}};

}  // namespace

std::optional<std::int64_t> parse_size(std::string_view text, std::int64_t kilo)
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
        number *= std::pow(static_cast<double>(kilo), static_cast<double>(prefixes.find(unit[0]) + 1));
        unit.erase(0, 1);
        if (unit == "ib") unit.clear();
    }
    if (unit != "" && unit != "b") return std::nullopt;
    if (std::abs(number) >= 9e18) return std::nullopt;
    return static_cast<std::int64_t>(number);
}

std::string size_text(std::int64_t bytes)
{
    constexpr std::string_view units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < std::size(units)) {
        bytes /= 1024;
        ++unit;
    }
    return std::to_string(bytes) + std::string(units[unit]);
}

std::optional<Version> parse_version(std::string_view text)
{
    const std::size_t dot = text.find('.');
    if (dot == text.npos) return std::nullopt;
    const auto major = parse_int(text.substr(0, dot)), minor = parse_int(text.substr(dot + 1));
    if (!major || !minor) return std::nullopt;
    return Version{*major, *minor};
}

std::optional<std::int64_t> parse_duration(std::string_view text)
{
    if (text.empty()) return std::nullopt;
    std::int64_t sum = 0;
    while (!text.empty()) {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || value < 0 || text.front() == '-') return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        const auto unit =
            std::ranges::find_if(durations, [&](const auto& each) { return text.starts_with(each.first); });
        if (unit == std::end(durations) || value > (std::int64_t{1} << 62) / unit->second) return std::nullopt;
        sum += value * unit->second;
        if (sum < 0 || sum > (std::int64_t{1} << 62)) return std::nullopt;
        text.remove_prefix(unit->first.size());
    }
    return sum;
}

std::string duration_text(std::int64_t nanoseconds)
{
    std::size_t best = 0;
    for (std::size_t at = 0; at < std::size(durations); ++at)
        if (nanoseconds % durations[at].second == 0) best = at;
    if (nanoseconds == 0) best = 1;
    return std::to_string(nanoseconds / durations[best].second) + std::string(durations[best].first);
}

}  // namespace rules
