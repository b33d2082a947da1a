#include "rules/glob.h"

#include <algorithm>

namespace rules {

bool matches(std::string_view pattern, std::string_view text)
{
    // A row of the table of positions at a time: linear in memory, and no pattern of an operator's takes exponential
    // time.
    std::vector<char> at(text.size() + 1, 0);
    at[0] = 1;
    while (!pattern.empty()) {
        const bool deep = pattern.starts_with("**");
        const char c = pattern.front();
        pattern.remove_prefix(deep ? 2 : 1);
        if (c == '*') {
            for (std::size_t i = 0; i < text.size(); ++i)
                if (at[i] && (deep || text[i] != '/')) at[i + 1] = 1;
            continue;
        }
        for (std::size_t i = text.size(); i > 0; --i)
            at[i] = at[i - 1] && (c == text[i - 1] || (c == '?' && text[i - 1] != '/'));
        at[0] = 0;
    }
    return at.back() != 0;
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view text)
{
    return std::ranges::any_of(patterns, [&](const std::string& each) { return matches(each, text); });
}

}  // namespace rules
