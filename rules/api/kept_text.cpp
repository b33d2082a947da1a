#include "rules/api/kept_text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "rules/api/ps_args.h"
#include "rules/bodies/parts.h"
#include "rules/names/reference.h"

namespace rules {
namespace {

constexpr std::size_t word_max = 128;
constexpr std::size_t number_max = 40;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Letters, digits and some marks. A table, since every text of every request that is kept is looked through.
class Alphabet {
public:
    constexpr explicit Alphabet(std::string_view marks)
    {
        for (std::size_t at = 0; at < has_.size(); ++at) has_[at] = is_letter(static_cast<char>(at)) || is_digit(static_cast<char>(at));
        for (const char mark : marks) has_[static_cast<unsigned char>(mark)] = true;
    }
    constexpr bool has(char c) const { return has_[static_cast<unsigned char>(c)]; }

private:
    std::array<bool, 256> has_{};
};

constexpr Alphabet of_beginnings("_/"), of_names("_.-/"), of_words("_.-/:+"), of_devices("_.-/:="), of_authorities(".-:");

bool consists_of(std::string_view text, const Alphabet& alphabet, std::size_t most)
{
    if (text.empty() || text.size() > most || !of_beginnings.has(text[0])) return false;
    for (const char c : text)
        if (!alphabet.has(c)) return false;
    return true;
}

bool is_name(std::string_view text) { return consists_of(text, of_names, word_max); }

/// Values of mounts, security options, resolvers and the like that are words and not of the job's choice.
constexpr auto known_words = std::to_array<std::string_view>({"true",
                                                              "false",
                                                              "yes",
                                                              "no",
                                                              "on",
                                                              "off",
                                                              "all",
                                                              "none",
                                                              "auto",
                                                              "default",
                                                              "disable",
                                                              "host-gateway",
                                                              "-",
                                                              "ro",
                                                              "rw",
                                                              "z",
                                                              "Z",
                                                              "nocopy",
                                                              "bind",
                                                              "rbind",
                                                              "private",
                                                              "rprivate",
                                                              "shared",
                                                              "rshared",
                                                              "slave",
                                                              "rslave",
                                                              "unbindable",
                                                              "runbindable",
                                                              "blocking",
                                                              "non-blocking",
                                                              "consistent",
                                                              "cached",
                                                              "delegated",
                                                              "volume-nocopy",
                                                              "tmpfs",
                                                              "nfs",
                                                              "nfs4",
                                                              "cifs",
                                                              "ext4",
                                                              "xfs",
                                                              "btrfs",
                                                              "local",
                                                              "size",
                                                              "mode",
                                                              "uid",
                                                              "gid",
                                                              "exec",
                                                              "noexec",
                                                              "dev",
                                                              "nodev",
                                                              "suid",
                                                              "nosuid",
                                                              "sync",
                                                              "async",
                                                              "dirsync",
                                                              "atime",
                                                              "noatime",
                                                              "diratime",
                                                              "nodiratime",
                                                              "relatime",
                                                              "norelatime",
                                                              "strictatime",
                                                              "nostrictatime",
                                                              "mand",
                                                              "nomand",
                                                              "defaults",
                                                              "huge",
                                                              "mpol",
                                                              "nr_inodes",
                                                              "nr_blocks",
                                                              "o",
                                                              "addr",
                                                              "vers",
                                                              "no-new-privileges",
                                                              "seccomp",
                                                              "systempaths",
                                                              "unconfined",
                                                              "ndots",
                                                              "timeout",
                                                              "attempts",
                                                              "writable-cgroups",
                                                              "rotate",
                                                              "use-vc",
                                                              "edns0",
                                                              "single-request",
                                                              "single-request-reopen",
                                                              "no-aaaa",
                                                              "trust-ad",
                                                              "no-check-names",
                                                              "inet6"});

bool is_known(std::string_view text) { return std::ranges::find(known_words, text) != known_words.end(); }

/// Digits and their units: letters only behind a digit, few, or as a protocol.
bool is_number(std::string_view text)
{
    if (text == "true" || text == "false") return true;
    for (const std::string_view protocol : {"/tcp", "/udp", "/sctp"})
        if (text.ends_with(protocol)) text.remove_suffix(protocol.size());
    if (text.empty() || text.size() > number_max || std::ranges::none_of(text, is_digit)) return false;
    int letters = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (is_digit(c) || std::string_view(".,:/+- ").find(c) != std::string_view::npos) continue;
        const bool is_unit = is_letter(c) && at > 0 && (is_digit(text[at - 1]) || is_letter(text[at - 1]));
        if (!is_unit || ++letters > 6) return false;
    }
    return true;
}

/// Addresses, with a prefix or without, of networks and of devices.
bool reads_as_address(std::string_view text)
{
    constexpr std::size_t longest = 49;  // IPv6 with a prefix
    const auto fits = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':' || c == '/'; };
    return text.size() <= longest && text.find_first_of(".:") != text.npos && std::ranges::all_of(text, fits);
}

bool is_registry(std::string_view text)
{
    for (const std::string_view scheme : {"https://", "http://"})
        if (text.starts_with(scheme)) {
            text.remove_prefix(scheme.size());
            break;
        }
    const std::size_t slash = std::min(text.find('/'), text.size());
    const std::string_view path = text.substr(slash);
    return consists_of(text.substr(0, slash), of_authorities, word_max) && (path.empty() || path == "/" || path == "/v1/" || path == "/v2/");
}

std::string kept_path(const HashKey& key, std::string_view text)
{
    if (text == "/" || text == "/var/run/docker.sock" || text == "/run/docker.sock") return std::string(text);
    return (text.starts_with('/') ? "/" : "") + hidden(key, text);
}

/// A piece of a list of settings.
std::string kept_setting(const HashKey& key, std::string_view text)
{
    constexpr std::array<std::string_view, 2> names_objects = {"apparmor", "label"};
    constexpr std::array<std::string_view, 4> names_secrets = {"username", "user", "password", "pass"};
    if (text.empty() || is_known(text) || is_number(text)) return std::string(text);
    const std::size_t sign = text.find_first_of("=:");
    const std::string_view name = text.substr(0, sign), value = text.substr(std::min(sign, text.size() - 1) + 1);
    if (sign != text.npos && std::ranges::find(names_secrets, name) != names_secrets.end())
        return std::string(text.substr(0, sign + 1)) + hidden(key, value);
    const bool is_for_object = std::ranges::find(names_objects, name) != names_objects.end();
    // A secret may end in `=`, as base64 does: in front of one only names that are known are names.
    if (sign == text.npos || !(is_known(name) || is_for_object || (text[sign] == ':' && is_name(name)))) return hidden(key, text);
    const bool is_object = is_for_object && is_word(value);
    if (value.empty() || is_known(value) || is_number(value) || reads_as_address(value) || is_object) return std::string(text);
    return std::string(text.substr(0, sign + 1)) + hidden(key, value);
}

std::string kept_settings(const HashKey& key, std::string_view text)
{
    std::string out;
    for (const std::string_view piece : pieces(text, ',')) out.append(out.empty() ? "" : ",").append(kept_setting(key, piece));
    return out;
}

std::string kept_mount(const HashKey& key, std::string_view text)
{
    const std::vector<std::string> parts = split(text, ':');
    std::string out = is_name(parts[0]) && parts[0][0] != '/' ? parts[0] : kept_path(key, parts[0]);
    for (std::size_t at = 1; at < parts.size(); ++at)
        out += ":" + (at == 1 && parts[at].starts_with('/') ? kept_path(key, parts[at]) : kept_settings(key, parts[at]));
    return out;
}

std::string kept_variable(const HashKey& key, std::string_view text)
{
    const std::size_t sign = std::min(text.find('='), text.size());
    std::string_view name = text.substr(0, sign);
    if (name.ends_with('!')) name.remove_suffix(1);  // of a filter
    if (!is_name(name) || name[0] == '/') return hidden(key, text);
    if (sign + 1 >= text.size()) return std::string(text);
    return std::string(text.substr(0, sign + 1)) + hidden(key, text.substr(sign + 1));
}

std::string kept_instruction(const HashKey& key, std::string_view text)
{
    constexpr auto instructions = std::to_array<std::string_view>(
        {"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"});
    const std::size_t blank = std::min(text.find(' '), text.size());
    std::string word(text.substr(0, blank));
    for (char& c : word)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (std::ranges::find(instructions, word) == instructions.end()) return hidden(key, text);
    return blank == text.size() ? word : word + " " + hidden(key, text.substr(blank + 1));
}

}  // namespace

bool is_word(std::string_view text)
{
    return consists_of(text, of_words, word_max);
}

std::string hidden(const HashKey& key, std::string_view text)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<char, 64> mark;
    char* end = std::ranges::copy(std::string_view("hidden."), mark.data()).out;
    end = std::to_chars(end, mark.data() + mark.size(), text.size()).ptr;
    *end++ = '.';
    const std::uint64_t hash = keyed_hash(key, text);
    for (int shift = 60; shift >= 0; shift -= 4) *end++ = digits[hash >> shift & 0xf];
    return {mark.data(), end};
}

std::string kept_text(const HashKey& key, Keep keep, std::string_view text)
{
    if (text.empty()) return {};
    const auto whole_if = [&](bool may) { return may ? std::string(text) : hidden(key, text); };
    switch (keep) {
        case Keep::nothing: break;
        case Keep::word: return whole_if(is_word(text));
        case Keep::number: return whole_if(is_number(text));
        case Keep::address: return whole_if(reads_as_address(text));
        case Keep::reference: return whole_if(text.size() <= word_max * 4 && (parse_reference(text) || full_image_id(text)));
        case Keep::registry: return whole_if(is_registry(text));
        case Keep::path: return kept_path(key, text);
        case Keep::device: return whole_if(consists_of(text, of_devices, word_max));
        case Keep::mount: return kept_mount(key, text);
        case Keep::setting: return kept_settings(key, text);
        case Keep::variable: return kept_variable(key, text);
        case Keep::instruction: return kept_instruction(key, text);
        case Keep::ps_args: return whole_if(check_ps_args(text).has_value());
    }
    return hidden(key, text);
}

}  // namespace rules
