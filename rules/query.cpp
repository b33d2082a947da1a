#include "rules/query.h"

#include <algorithm>
#include <array>

#include "rules/text.h"

namespace rules {
namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

constexpr auto unreserved = [] {
    std::array<bool, 256> table{};
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"))
        table[static_cast<unsigned char>(c)] = true;
    return table;
}();

bool is_unreserved(char c)
{
    return unreserved[static_cast<unsigned char>(c)];
}

/// Length of the UTF-8 sequence at the start of `text`, which is not empty; 0 when it is malformed (RFC 3629: no
/// surrogates, shortest form).
std::size_t sequence_length(std::string_view text)
{
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (text.size() < length) return 0;
    for (std::size_t at = 1; at < length; ++at)
        if ((byte(at) & 0xC0) != 0x80) return 0;
    const unsigned second = byte(1);
    const bool bad = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                     (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
    return bad ? 0 : length;
}

bool is_utf8(std::string_view text)
{
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

bool is_control(char c)
{
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

}  // namespace

bool is_true(std::string_view value)
{
    while (const std::size_t length = space_at_front(value)) value.remove_prefix(length);
    while (const std::size_t length = space_at_back(value)) value.remove_suffix(length);
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    constexpr std::array<std::string_view, 5> falsehoods = {"", "0", "no", "false", "none"};
    return std::ranges::none_of(falsehoods,
                                [&](std::string_view each) { return std::ranges::equal(value, each, {}, lower); });
}

Result<Query> Query::parse(std::string_view text)
{
    Query query;
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(pair.size() + 1, text.size()));
        if (pair.empty()) continue;
        if (pair.find(';') != std::string_view::npos) return bad_request("invalid semicolon separator in query");

        const std::size_t equals = std::min(pair.find('='), pair.size());
        auto key = percent_decode(pair.substr(0, equals), true);
        auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!key || !value) return bad_request("invalid URL escape in query");
        if (!is_utf8(*key) || !is_utf8(*value)) return bad_request("invalid UTF-8 in query");
        if (std::ranges::any_of(*key, is_control) || value->find('\0') != std::string::npos)
            return bad_request("invalid control character in query");
        query.items_.emplace_back(std::move(*key), std::move(*value));
    }
    return query;
}

std::optional<std::string_view> Query::find(std::string_view key) const
{
    for (const auto& [name, value] : items_)
        if (name == key) return value;
    return std::nullopt;
}

std::string_view Query::get(std::string_view key) const
{
    return find(key).value_or(std::string_view());
}

bool Query::flag(std::string_view key, bool absent) const
{
    const std::optional<std::string_view> value = find(key);
    return value ? is_true(*value) : absent;
}

std::vector<std::string> Query::all(std::string_view key) const
{
    std::vector<std::string> values;
    for (const auto& [name, value] : items_)
        if (name == key) values.push_back(value);
    return values;
}

std::size_t Query::count(std::string_view key) const
{
    return static_cast<std::size_t>(std::ranges::count(items_, key, &std::pair<std::string, std::string>::first));
}

void Query::set(std::string_view key, std::string value)
{
    const auto first = std::ranges::find(items_, key, &std::pair<std::string, std::string>::first);
    if (first == items_.end()) return add(key, std::move(value));
    first->second = std::move(value);
    items_.erase(std::remove_if(first + 1, items_.end(), [&](const auto& item) { return item.first == key; }),
                 items_.end());
}

void Query::add(std::string_view key, std::string value)
{
    items_.emplace_back(std::string(key), std::move(value));
}

void Query::erase(std::string_view key)
{
    std::erase_if(items_, [&](const auto& item) { return item.first == key; });
}

std::string Query::encode() const
{
    std::string text;
    for (const auto& [key, value] : items_) {
        if (!text.empty()) text.push_back('&');
        text.append(percent_encode(key)).push_back('=');
        text.append(percent_encode(value));
    }
    return text;
}

std::string percent_encode(std::string_view text)
{
    if (std::ranges::all_of(text, is_unreserved)) return std::string(text);  // ids: nearly every request
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded.push_back('%');
        encoded.push_back(hex_digits[byte >> 4]);
        encoded.push_back(hex_digits[byte & 15]);
    }
    return encoded;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank)
{
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+' && plus_is_blank) {
            decoded.push_back(' ');
            continue;
        }
        if (text[at] != '%') {
            decoded.push_back(text[at]);
            continue;
        }
        if (at + 2 >= text.size()) return std::nullopt;
        const int high = hex_value(text[at + 1]);
        const int low = hex_value(text[at + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        decoded.push_back(static_cast<char>(high * 16 + low));
        at += 2;
    }
    return decoded;
}

}  // namespace rules
