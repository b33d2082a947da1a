#include "rules/names/reference.h"

#include <algorithm>

// The grammar of github.com/distribution/reference (regexp.go, normalize.go), read by hand: names come with every
// request.
namespace rules {
namespace {

constexpr std::string_view default_domain = "docker.io";
constexpr std::string_view official = "library/";
constexpr std::size_t longest_path = 255;
constexpr std::size_t longest_tag = 128;

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}
bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}
bool is_word_char(char c)
{
    return is_digit(c) || is_lower(c) || is_upper(c);
}

bool is_hash(std::string_view text)
{
    return text.size() == 64 && std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

/// Calls `check` for every piece of `text` between two `separator`s; false at the first refusal.
template <class Check>
bool each_piece(std::string_view text, char separator, Check check)
{
    for (;;) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (!check(text.substr(0, end))) return false;
        if (end == text.size()) return true;
        text.remove_prefix(end + 1);
    }
}

bool is_host_component(std::string_view text)
{
    return !text.empty() && is_word_char(text.front()) && is_word_char(text.back()) &&
           std::ranges::all_of(text, [](char c) { return is_word_char(c) || c == '-'; });
}

/// `example.com`, `localhost`, `10.0.0.1:5000`, `[::1]:5000`.
bool is_domain(std::string_view text)
{
    const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == std::string_view::npos) return false;
    const std::size_t colon = std::min(text.find(':', bracket), text.size());
    const std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(std::min(colon + 1, text.size()));
    if (colon < text.size() && (port.empty() || !std::ranges::all_of(port, is_digit))) return false;
    if (bracket == 0) return each_piece(host, '.', is_host_component);
    const auto is_address_char = [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
    };
    return host.size() > 2 && host.size() == bracket + 1 &&
           std::ranges::all_of(host.substr(1, host.size() - 2), is_address_char);
}

/// Lower-case letters and digits, between them one `.`, one or two `_`, or any number of `-`.
bool is_path_component(std::string_view text)
{
    const auto is_alphanumeric = [](char c) { return is_lower(c) || is_digit(c); };
    if (text.empty() || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
    while (!text.empty()) {
        const std::size_t run =
            static_cast<std::size_t>(std::ranges::find_if_not(text, is_alphanumeric) - text.begin());
        text.remove_prefix(run);
        const std::size_t gap = static_cast<std::size_t>(std::ranges::find_if(text, is_alphanumeric) - text.begin());
        const std::string_view separator = text.substr(0, gap);
        const bool dashes = std::ranges::all_of(separator, [](char c) { return c == '-'; });
        if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
        text.remove_prefix(gap);
    }
    return true;
}

bool is_tag(std::string_view text)
{
    const auto is_word = [](char c) { return is_word_char(c) || c == '_'; };
    return !text.empty() && text.size() <= longest_tag && is_word(text.front()) &&
           std::ranges::all_of(text, [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

tl::unexpected<Error> invalid()
{
    return bad_request("invalid reference format");
}

Result<std::string> parse_digest(std::string_view text)
{
    constexpr std::string_view algorithm = "sha256:";
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0) return invalid();
    if (!text.starts_with(algorithm)) return bad_request("unsupported digest algorithm");
    const std::string_view hash = text.substr(algorithm.size());
    if (hash.size() != 64) return bad_request("invalid checksum digest length");
    if (!is_hash(hash)) return bad_request("invalid checksum digest format");
    return std::string(text);
}

struct Split {
    std::string_view domain;
    std::string remainder;
};

/// What in front of a slash is a domain, and not the first part of a path.
bool is_like_domain(std::string_view first)
{
    return first == "localhost" || first.find_first_of(".:") != std::string_view::npos || std::ranges::any_of(first, is_upper);
}

/// The domain when `text` begins with one, else Docker Hub's, whose names without `/` are in `library/`.
Split split_domain(std::string_view text)
{
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return {default_domain, std::string(official) + std::string(text)};
    const std::string_view first = text.substr(0, slash);
    Split split{default_domain, std::string(text)};
    if (first == "index.docker.io")
        split.remainder = text.substr(slash + 1);
    else if (is_like_domain(first))
        split = {first, std::string(text.substr(slash + 1))};
    if (split.domain == default_domain && split.remainder.find('/') == std::string::npos)
        split.remainder.insert(0, official);
    return split;
}

}  // namespace

std::string Reference::repository() const
{
    if (domain != default_domain) return domain + "/" + path;
    const bool is_official = path.starts_with(official) && path.find('/', official.size()) == std::string::npos;
    if (is_official) return path.substr(official.size());
    // Without its domain it would be a reference to another registry, for the engine too.
    return is_like_domain(std::string_view(path).substr(0, path.find('/'))) ? domain + "/" + path : path;
}

std::string Reference::full() const
{
    return domain + "/" + path + (tag.empty() ? "" : ":" + tag) + (digest.empty() ? "" : "@" + digest);
}

std::string Reference::familiar() const
{
    std::string text = repository();
    if (!tag.empty()) text += ":" + tag;
    if (!digest.empty()) text += "@" + digest;
    return text;
}

std::string Reference::familiar_tagged() const
{
    return tag.empty() && digest.empty() ? repository() + ":latest" : familiar();
}

std::string Reference::held() const
{
    return digest.empty() ? familiar_tagged() : repository() + "@" + digest;
}

Result<Reference> parse_reference(std::string_view text)
{
    if (is_hash(text))
        return bad_request("invalid repository name (" + std::string(text) +
                           "), cannot specify 64-byte hexadecimal strings");
    const Split split = split_domain(text);
    std::string_view rest = split.remainder;
    const std::string_view until_colon = rest.substr(0, rest.find(':'));
    if (std::ranges::any_of(until_colon, is_upper))
        return bad_request("invalid reference format: repository name (" + std::string(until_colon) +
                           ") must be lowercase");

    Reference reference{.domain = std::string(split.domain), .path = {}, .tag = {}, .digest = {}};
    if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
        Result<std::string> digest = parse_digest(rest.substr(at + 1));
        if (!digest) return tl::unexpected(digest.error());
        reference.digest = std::move(*digest);
        rest = rest.substr(0, at);
    }
    if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
        reference.tag = rest.substr(colon + 1);
        if (!is_tag(reference.tag)) return invalid();
        rest = rest.substr(0, colon);
    }
    if (!is_domain(split.domain) || !each_piece(rest, '/', is_path_component)) return invalid();
    if (rest.size() > longest_path) return bad_request("repository name must not be more than 255 characters");
    reference.path = rest;
    return reference;
}

std::optional<std::string> full_image_id(std::string_view text)
{
    constexpr std::string_view algorithm = "sha256:";
    if (text.starts_with(algorithm)) text.remove_prefix(algorithm.size());
    if (!is_hash(text)) return std::nullopt;
    return std::string(algorithm) + std::string(text);
}

}  // namespace rules
