#include "rules/views/messages.h"

#include <algorithm>

namespace rules {

std::string_view take_line(std::string_view& lines)
{
    const std::string_view line = lines.substr(0, std::min(lines.find('\n'), lines.size() - 1) + 1);
    lines.remove_prefix(line.size());
    return line;
}

Json read_message(std::string_view line)
{
    constexpr JsonBudget budget{1024, 16};
    return read_json(line, budget).value_or(nullptr);
}

}  // namespace rules
