#include "rules/build/dockerfile_lines.h"

#include <algorithm>

#include "rules/text.h"

namespace rules {
namespace {

constexpr std::string_view blanks = "\t\v\f\r ";  // what the parser splits words at

}  // namespace

tl::unexpected<Error> odd(std::string_view field, std::string_view value, std::string_view way_out)
{
    return denied("dockerfile", std::string(field), std::string(value.substr(0, 200)), std::string(way_out));
}

tl::unexpected<Error> too_many_instructions(std::string_view instruction)
{
    return odd("Dockerfile", instruction,
               "a build has at most " + std::to_string(instructions_max) + " instructions, those of triggers included");
}

bool is_space(char c)
{
    return blanks.find(c) != blanks.npos || c == '\n';
}

std::string_view trim_left(std::string_view text)
{
    while (const std::size_t length = space_at_front(text)) text.remove_prefix(length);
    return text;
}

std::string_view trim_right(std::string_view text)
{
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

bool is_plain(std::string_view text)
{
    return std::ranges::all_of(text, [](char c) {
        return c > ' ' && c < '\x7f' && c != '"' && c != '\'' && c != '\\' && c != '`' && c != '<';
    });
}

std::string_view take_word(std::string_view& text)
{
    const std::size_t begin = std::min(text.find_first_not_of(blanks), text.size());
    const std::size_t end = std::min(text.find_first_of(blanks, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return word;
}

/// Engines differ in which directives they know and which spaces they skip: a line that could be this directive must be
/// one beyond doubt, and stand where all of them look.
Result<char> escape_of(std::string_view text)
{
    char escape = '\\';
    bool seen = false, first_of_others = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trim_right(trim_left(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.starts_with('#')) break;
        std::string squeezed = lower(line.substr(1));
        std::erase_if(squeezed, [](char c) { return is_space(c) || static_cast<unsigned char>(c) >= 0x80; });
        if (!squeezed.starts_with("escape=")) {
            if (!squeezed.starts_with("syntax=")) first_of_others = false;
            continue;
        }
        const bool plain = std::ranges::all_of(line, [](char c) { return (c >= ' ' && c < '\x7f') || c == '\t'; });
        const bool known = squeezed == "escape=\\" || squeezed == "escape=`";
        if (!plain || !known || seen || !first_of_others)
            return odd("# escape", line,
                       "write the directive once, `# escape=\\` or `# escape=` and a backtick, as the first line");
        seen = true;
        escape = squeezed.back();
    }
    return escape;
}

namespace {

/// A physical line without the escape character that continues it; whether it is continued.
Result<std::pair<std::string_view, bool>> split_continuation(std::string_view line, char escape)
{
    const std::size_t last = line.find_last_not_of(" \t");
    if (last == line.npos || line[last] != escape) return std::pair(line, false);
    if (last > 0 && line[last - 1] == escape)
        return odd(
            "Dockerfile", line,
            "engines read two escape characters at the end of a line differently: write the line in another way");
    return std::pair(line.substr(0, last), true);
}

}  // namespace

Result<std::vector<Line>> lines_of(std::string_view text)
{
    const char* const start = text.data();
    const auto place = [start](const char* at) { return static_cast<std::size_t>(at - start); };
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    const Result<char> escape = escape_of(text);
    if (!escape) return tl::unexpected(escape.error());
    std::vector<Line> lines;
    bool continued = false;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.ends_with('\r')) return odd("Dockerfile", line, "end lines with LF or CR LF");
        const std::string_view trimmed = trim_left(line);
        if (trimmed.empty() || trimmed.starts_with('#')) continue;
        const auto split = split_continuation(continued ? line : trimmed, *escape);
        if (!split) return tl::unexpected(split.error());
        if (!continued) {
            if (lines.size() == instructions_max) return too_many_instructions(line);
            lines.push_back({{}, place(line.data()), 0});
        }
        lines.back().text += split->first;
        lines.back().end = place(line.data() + line.size());
        continued = split->second;
    }
    return lines;
}

}  // namespace rules
