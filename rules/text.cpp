#include "rules/text.h"

#include <algorithm>
#include <array>

namespace rules {
namespace {

constexpr std::string_view ascii = " \t\n\v\f\r";
constexpr std::array<std::string_view, 8> wide = {"\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\xA8",
                                                  "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

/// U+2000 to U+200A.
bool is_narrow(std::string_view text)
{
    return text.size() == 3 && text.starts_with("\xE2\x80") && text[2] >= '\x80' && text[2] <= '\x8A';
}

}  // namespace

std::size_t space_at_front(std::string_view text)
{
    if (text.empty()) return 0;
    if (ascii.find(text[0]) != ascii.npos) return 1;
    for (const std::string_view each : wide)
        if (text.starts_with(each)) return each.size();
    return is_narrow(text.substr(0, 3)) ? 3 : 0;
}

std::size_t space_at_back(std::string_view text)
{
    if (text.empty()) return 0;
    if (ascii.find(text.back()) != ascii.npos) return 1;
    for (const std::string_view each : wide)
        if (text.ends_with(each)) return each.size();
    return text.size() >= 3 && is_narrow(text.substr(text.size() - 3)) ? 3 : 0;
}

std::string lower(std::string_view text)
{
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

std::string joined(const std::vector<std::string>& words)
{
    std::string text;
    for (const std::string& each : words) text += (text.empty() ? "" : ", ") + each;
    return text;
}

}  // namespace rules
