#include "rules/redact.h"

#include <algorithm>
#include <array>

namespace rules {
namespace {

constexpr std::string_view stars = "***";

bool names_secret(std::string_view name)
{
    constexpr std::array<std::string_view, 9> words = {"password", "passwd",  "passphrase", "secret", "token",
                                                       "credential", "auth", "apikey", "private"};
    std::string plain;
    for (const char c : name)
        if (c != '_' && c != '-') plain.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
    return std::ranges::any_of(words, [&](std::string_view word) { return plain.find(word) != plain.npos; });
}

bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// The name that ends in front of `at`, a quote between them or not.
std::string_view name_before(std::string_view text, std::size_t at)
{
    if (at > 0 && text[at - 1] == '"') --at;
    std::size_t begin = at;
    while (begin > 0 && is_of_name(text[begin - 1])) --begin;
    return text.substr(begin, at - begin);
}

/// Where the value that begins at `at` ends.
std::size_t end_of_value(std::string_view text, std::size_t at)
{
    if (at >= text.size()) return at;
    if (const char quote = text[at]; quote == '"' || quote == '\'') {
        for (std::size_t end = at + 1; end < text.size(); ++end) {
            if (text[end] == '\\') ++end;
            else if (text[end] == quote) return end + 1;
        }
        return text.size();
    }
    return std::min(text.find_first_of(" \t\r\n,;&\"'", at), text.size());
}

/// Behind `://`: the part up to the last `@` in front of the path.
std::size_t end_of_user(std::string_view text, std::size_t at)
{
    const std::string_view authority = text.substr(at, text.find_first_of("/?# \t\r\n\"'", at) - at);
    const std::size_t sign = authority.rfind('@');
    return sign == authority.npos ? at : at + sign;
}

}  // namespace

std::string redacted(std::string_view endpoint, std::string_view field, std::string_view value)
{
    if (endpoint == "system.auth" || names_secret(field.substr(field.rfind('.') + 1))) return std::string(stars);
    std::string out;
    for (std::size_t at = 0; at < value.size();) {
        const char c = value[at];
        std::size_t end = at + 1;
        out.push_back(c);
        if (value.substr(at).starts_with("://")) {
            out += "//";
            end = end_of_user(value, at + 3);
            if (end > at + 3) out += stars;
        } else if ((c == '=' || c == ':') && names_secret(name_before(value, at))) {
            end = end_of_value(value, at + 1);
            out += stars;
        }
        at = end;
    }
    return out;
}

}  // namespace rules
