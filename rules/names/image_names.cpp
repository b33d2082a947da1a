#include "rules/names/image_names.h"

#include <algorithm>

#include "rules/names/names.h"

namespace rules {
namespace {

constexpr std::string_view own_domain = "berth.";
constexpr std::string_view held = "/image:";
constexpr std::string_view digest_digits = "0123456789abcdef";
constexpr std::size_t longest_repository = 255;

bool is_unescaped_in_image(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/// `__`, with zeros before it or none.
bool is_led_by_zeros(std::string_view component)
{
    return component.substr(std::min(component.find_first_not_of('0'), component.size())).starts_with("__");
}

/// A domain as one component of a path: whatever a component cannot hold becomes `__xx`, and so do `.` and `-` in front
/// of it, since separators do not mix. A component may not begin with `__`: `0` goes in front. Domains have no `_`, so this can be reversed.
std::string encode(std::string_view domain)
{
    std::string out;
    for (std::size_t at = 0; at < domain.size(); ++at) {
        const char c = domain[at];
        const std::size_t next = domain.find_first_not_of(".-", at);
        const bool before_encoded = next != at && next != domain.npos && !is_unescaped_in_image(domain[next]);
        if (is_unescaped_in_image(c) && !before_encoded) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += "__";
        out += digest_digits[byte >> 4];
        out += digest_digits[byte & 15];
    }
    return is_led_by_zeros(out) ? "0" + out : out;
}

std::optional<std::string> decode(std::string_view component)
{
    std::string out;
    if (component.starts_with('0') && is_led_by_zeros(component)) component.remove_prefix(1);
    while (!component.empty()) {
        if (component.front() != '_') {
            out += component.front();
            component.remove_prefix(1);
            continue;
        }
        if (component.size() < 4 || component[1] != '_') return std::nullopt;
        const std::size_t high = digest_digits.find(component[2]), low = digest_digits.find(component[3]);
        if (high == digest_digits.npos || low == digest_digits.npos) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        component.remove_prefix(4);
    }
    return out;
}

std::string prefix(std::string_view key)
{
    return std::string(own_domain).append(key);
}

}  // namespace

Result<std::string> real_reference(std::string_view key, const Reference& reference)
{
    // On the engine it would be a name of ours: a push could lend it.
    if (reference.domain.starts_with(own_domain))
        return bad_request("berth: no image can be called " + reference.repository() +
                           ": registries whose names begin with \"berth.\" are reserved");
    if (holds_real_name(reference.path) || holds_real_name(reference.tag))
        return bad_request("berth: no image can be called " + reference.repository() +
                           ": names with \"berth.<key>.\" in them are reserved");
    std::string real = prefix(key) + "/" + encode(reference.domain) + "/" + reference.path;
    if (real.size() > longest_repository)
        return bad_request("berth: the repository name " + reference.repository() +
                           " is too long: choose one that is 60 characters shorter");
    if (!reference.tag.empty()) real += ":" + reference.tag;
    return real;
}

std::optional<Reference> virtual_reference(std::string_view key, std::string_view real)
{
    if (!is_real_reference(key, real)) return std::nullopt;
    std::string_view rest = real.substr(own_domain.size() + key.size() + 1);
    const std::size_t slash = rest.find('/');
    if (slash == rest.npos) return std::nullopt;
    const auto domain = decode(rest.substr(0, slash));
    if (!domain) return std::nullopt;
    rest.remove_prefix(slash + 1);
    // Parsing checks the spelling; writing it anew, that this is the only one.
    Result<Reference> reference = parse_reference(*domain + "/" + std::string(rest));
    if (!reference || !reference->digest.empty()) return std::nullopt;
    const Result<std::string> again = real_reference(key, *reference);
    if (!again || *again != real) return std::nullopt;
    return std::move(*reference);
}

std::string holding_reference(std::string_view key, std::string_view id)
{
    if (id.starts_with("sha256:")) id.remove_prefix(7);
    return prefix(key).append(held).append(id);
}

std::string building_reference(std::string_view key, std::int64_t number)
{
    return prefix(key).append(held).append("build-").append(std::to_string(number));
}

bool is_real_reference(std::string_view key, std::string_view real)
{
    const std::string own = prefix(key);
    return real.size() > own.size() + 1 && real.starts_with(own) && real[own.size()] == '/';
}

}  // namespace rules
