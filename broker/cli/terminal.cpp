#include "broker/cli/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>

namespace broker {

void print_json(const rules::Json& json)
{
    fmt::print("{}\n", json.dump(2));
}

std::string age_of(std::int64_t since)
{
    const std::int64_t seconds = std::max<std::int64_t>(0, std::time(nullptr) - since);
    if (seconds < 120) return fmt::format("{}s", seconds);
    if (seconds < 7200) return fmt::format("{}m", seconds / 60);
    if (seconds < 172800) return fmt::format("{}h", seconds / 3600);
    return fmt::format("{}d", seconds / 86400);
}

std::int64_t seconds_of(const std::string& text)
{
    std::size_t used = 0;
    const std::int64_t value = std::stoll(text, &used);
    const std::string unit = text.substr(used);
    const std::int64_t factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
    if (factor == 0 || value < 0) throw std::runtime_error("not a duration: " + text);
    return value * factor;
}

}  // namespace broker
