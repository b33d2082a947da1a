#include "db/printable.h"

#include <algorithm>

namespace db {

namespace {

/// How many bytes the UTF-8 character at the start of `text` has; 0: there is none.
std::size_t character_length(std::string_view text)
{
    const auto byte = [text](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    for (std::size_t at = 1; at < length; ++at)
        if ((byte(at) & 0xC0U) != 0x80) return 0;
    const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
    const bool surrogate = lead == 0xED && byte(1) >= 0xA0;
    const bool beyond = lead == 0xF4 && byte(1) >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

bool is_control(std::string_view character)
{
    const auto lead = static_cast<unsigned char>(character[0]);
    return lead < 0x20 || lead == 0x7F || (lead == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0);
}

}  // namespace

std::string printable(std::string_view text)
{
    constexpr std::size_t most = 256;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    while (!text.empty()) {
        const std::size_t length = character_length(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
        std::string shown(character);
        if (length == 0 || is_control(character)) {
            shown.clear();
            for (const unsigned char byte : character)
                shown.append("\\x").append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
        }
        if (result.size() + shown.size() > most) break;
        result += shown;
        text.remove_prefix(character.size());
    }
    return result;
}

}  // namespace db
