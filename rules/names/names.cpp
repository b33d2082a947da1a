#include "rules/names/names.h"

#include <algorithm>
#include <cstdint>

#include "rules/names/image_names.h"

namespace rules {
namespace {

constexpr std::string_view escape_digits = "0123456789ABCDEF";
// The real name of a volume becomes a directory's name.
constexpr std::size_t longest_real_name = 255;

bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_unescaped(char c)
{
    return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-';
}
bool is_hex(char c)
{
    return escape_digits.find(c) != std::string_view::npos;
}
bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
}

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Length of the `berth.<key>.` at the start of `text`, 0 when there is none.
std::size_t prefix_length(std::string_view text)
{
    constexpr std::size_t length = real_prefix.size() + key_length + 1;
    if (text.size() < length || !text.starts_with(real_prefix) || text[length - 1] != '.') return 0;
    return std::ranges::all_of(text.substr(real_prefix.size(), key_length), is_key_char) ? length : 0;
}

/// Length of the engine's reference of some job's image at the start of `text`, 0 when there is none. What ends a
/// sentence does not belong to it.
std::size_t image_length(std::string_view text)
{
    constexpr std::size_t length = real_prefix.size() + key_length + 1;
    if (text.size() <= length || !text.starts_with(real_prefix) || text[length - 1] != '/') return 0;
    if (!std::ranges::all_of(text.substr(real_prefix.size(), key_length), is_key_char)) return 0;
    const auto rest = text.substr(length);
    const auto is_part = [](char c) { return is_unescaped(c) || c == '/' || c == ':' || c == '@'; };
    std::size_t end = length + static_cast<std::size_t>(std::ranges::find_if_not(rest, is_part) - rest.begin());
    while (end > length && !is_letter_or_digit(text[end - 1])) --end;
    return end;
}

/// What the job is shown for the engine's reference of an image.
std::string shown_image(std::string_view key, std::string_view real, bool full)
{
    if (const auto reference = virtual_reference(key, real)) return full ? reference->full() : reference->familiar();
    if (!is_real_reference(key, real)) return "(another job's image)";
    const std::size_t colon = real.rfind(':');
    return colon == real.npos ? "(an image)" : "sha256:" + std::string(real.substr(colon + 1));
}

/// Length of the encoded name at the start of `text`.
std::size_t encoded_length(std::string_view text)
{
    std::size_t at = 0;
    while (at < text.size()) {
        if (is_unescaped(text[at]))
            at += 1;
        else if (text[at] == '~' && at + 2 < text.size() && is_hex(text[at + 1]) && is_hex(text[at + 2]))
            at += 3;
        else
            break;
    }
    return at;
}

/// dockerd's names.RestrictedNamePattern.
bool is_restricted_name(std::string_view name)
{
    return name.size() >= 2 && is_letter_or_digit(name[0]) && std::ranges::all_of(name, is_unescaped);
}

Result<void> check_spelling(Kind kind, std::string_view name)
{
    const std::string text(name);
    if (kind == Kind::container && !is_restricted_name(name))
        return bad_request("Invalid container name (" + text + "), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    if (kind == Kind::volume && name.size() < 2)
        return bad_request("create " + text +
                           ": volume name is too short, names should be at least two alphanumeric characters");
    if (kind == Kind::volume && !is_restricted_name(name))
        return bad_request("create " + text + ": \"" + text +
                           "\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" "
                           "are allowed. If you intended to pass a host directory, use absolute path");
    if (kind == Kind::network) {
        if (std::ranges::all_of(name, [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }))
            return bad_request("invalid name: name is empty");
        if (std::ranges::any_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
            return bad_request("berth: a network's name must not have control characters");
        for (const std::string_view predefined : {"bridge", "host", "none", "default"})
            if (name == predefined)
                return tl::unexpected(
                    Error{403, "operation is not permitted on predefined " + text + " network"});
    }
    return {};
}

}  // namespace

std::string real_name(std::string_view key, std::string_view name)
{
    std::string real(real_prefix);
    real.append(key).push_back('.');
    for (const char c : name) {
        if (is_unescaped(c)) {
            real.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        real.push_back('~');
        real.push_back(escape_digits[byte >> 4]);
        real.push_back(escape_digits[byte & 15]);
    }
    return real;
}

std::optional<std::string> virtual_name(std::string_view key, std::string_view real)
{
    if (real.starts_with('/')) real.remove_prefix(1);
    const std::size_t begin = prefix_length(real);
    if (begin == 0 || real.substr(real_prefix.size(), key_length) != key) return std::nullopt;
    const std::string_view encoded = real.substr(begin);
    if (encoded_length(encoded) != encoded.size()) return std::nullopt;

    std::string name;
    for (std::size_t at = 0; at < encoded.size(); ++at) {
        if (encoded[at] != '~') {
            name.push_back(encoded[at]);
            continue;
        }
        name.push_back(static_cast<char>(escape_digits.find(encoded[at + 1]) * 16 + escape_digits.find(encoded[at + 2])));
        at += 2;
    }
    // Only one spelling of a name is its real name: `~41` is not how `A` is written.
    if (real_name(key, name) != real) return std::nullopt;
    return name;
}

std::optional<std::string> key_of(std::string_view real)
{
    if (real.starts_with('/')) real.remove_prefix(1);
    if (prefix_length(real) == 0 && image_length(real) == 0) return std::nullopt;
    return std::string(real.substr(real_prefix.size(), key_length));
}

bool holds_real_name(std::string_view text)
{
    for (std::size_t at = text.find(real_prefix); at != text.npos; at = text.find(real_prefix, at + 1))
        if (prefix_length(text.substr(at)) > 0 || image_length(text.substr(at)) > 0) return true;
    return false;
}

std::string root_volume_name(std::string_view directory)
{
    // FNV-1a. Few roots of one job, of the operator's choice; the broker compares the directories themselves.
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : directory) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    std::string name = "_root-";
    for (int shift = 60; shift >= 0; shift -= 4) name.push_back("0123456789abcdef"[(hash >> shift) & 15]);
    return name;
}

bool looks_like_id(std::string_view name)
{
    return name.size() >= 12 && name.size() <= 64 &&
           std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<std::string> checked_name(Kind kind, std::string_view name)
{
    if (kind == Kind::container && name.starts_with('/')) name.remove_prefix(1);
    if (const Result<void> spelling = check_spelling(kind, name); !spelling) return tl::unexpected(spelling.error());
    // A full one: shorter ones name networks of Testcontainers, and mean an id only where nothing has the name.
    if (name.size() == 64 && looks_like_id(name))
        return bad_request("berth: the name \"" + std::string(name) +
                           "\" could be taken for an id; choose another name");
    if (holds_real_name(name))
        return bad_request("berth: the name of this " + std::string(kind_name(kind)) +
                           " is reserved: names with \"berth.<key>.\" in them are berth's own");
    if (real_name(std::string(key_length, 'a'), name).size() > longest_real_name)
        return bad_request("berth: the name of this " + std::string(kind_name(kind)) + " is too long");
    return std::string(name);
}

std::string scrub(std::string_view key, std::string_view text, bool full)
{
    std::string shown;
    while (!text.empty()) {
        const std::size_t found = text.find(real_prefix);
        shown.append(text.substr(0, found));
        if (found == std::string_view::npos) break;
        text.remove_prefix(found);

        if (const std::size_t length = image_length(text); length > 0) {
            shown.append(shown_image(key, text.substr(0, length), full));
            text.remove_prefix(length);
            continue;
        }
        const std::size_t begin = prefix_length(text);
        if (begin == 0) {
            shown.append(real_prefix);
            text.remove_prefix(real_prefix.size());
            continue;
        }
        const std::size_t length = begin + encoded_length(text.substr(begin));
        shown.append(virtual_name(key, text.substr(0, length)).value_or("(another job's object)"));
        text.remove_prefix(length);
    }
    return shown;
}

bool is_own_label(std::string_view label)
{
    constexpr std::string_view blanks = " \t\r\n\v\f";
    label.remove_prefix(std::min(label.find_first_not_of(blanks), label.size()));
    return label.size() >= real_prefix.size() &&
           std::ranges::equal(label.substr(0, real_prefix.size()), real_prefix, {}, lower);
}

}  // namespace rules
