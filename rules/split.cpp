#include "rules/split.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace rules {
namespace {

std::optional<int> parse_port(std::string_view text)
{
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > 65535) return std::nullopt;
    return value;
}

bool is_among(std::span<const std::string_view> words, std::string_view word)
{
    return std::ranges::find(words, word) != words.end();
}

/// The mode of a bind: each kind of word at most once, as in dockerd's linuxValidMountMode.
Result<void> read_mode(Bind& bind, const std::string& mode)
{
    constexpr std::array<std::string_view, 2> access = {"ro", "rw"};
    constexpr std::array<std::string_view, 1> copying = {"nocopy"};
    constexpr std::array<std::string_view, 2> relabelling = {"z", "Z"};
    constexpr std::array<std::string_view, 3> consistency = {"consistent", "cached", "delegated"};
    constexpr std::array<std::string_view, 2> own = {"private", "rprivate"};
    constexpr std::array<std::string_view, 4> propagated = {"shared", "rshared", "slave", "rslave"};
    std::array<int, 5> given{};
    for (const std::string_view word : pieces(mode, ',')) {
        if (is_among(propagated, word))
            return denied("propagation", "HostConfig.Binds", mode, "mounts are private to the container; leave it out");
        const bool kept = is_among(access, word) || is_among(copying, word);
        const std::size_t kind = is_among(access, word)        ? 0
                                 : is_among(copying, word)     ? 1
                                 : is_among(relabelling, word) ? 2
                                 : is_among(consistency, word) ? 3
                                 : is_among(own, word)         ? 4
                                                               : given.size();
        if (kind == given.size() || ++given[kind] > 1) return bad_request("invalid mode: " + mode);
        if (kept) bind.mode.append(bind.mode.empty() ? "" : ",").append(word);
        if (word == "ro") bind.read_only = true;
    }
    return {};
}

}  // namespace

Cut cut(std::string_view text, char separator)
{
    const std::size_t at = text.find(separator);
    if (at == text.npos) return {text, {}, false};
    return {text.substr(0, at), text.substr(at + 1), true};
}

std::vector<std::string> split(std::string_view text, char separator)
{
    std::vector<std::string> pieces;
    for (;;) {
        const std::size_t end = text.find(separator);
        pieces.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return pieces;
        text.remove_prefix(end + 1);
    }
}

std::optional<std::pair<int, int>> parse_port_range(std::string_view text)
{
    const Cut range = cut(text, '-');
    const std::optional<int> first = parse_port(range.before);
    const std::optional<int> last = range.found ? parse_port(range.after) : first;
    if (!first || !last || *first > *last) return std::nullopt;
    return std::pair(*first, *last);
}

std::string Ports::text() const
{
    return std::to_string(first) + (last == first ? "" : "-" + std::to_string(last)) + "/" + protocol;
}

Result<Ports> parse_ports(std::string_view text)
{
    const Cut pieces = cut(text, '/');
    const std::string_view protocol = pieces.found ? pieces.after : "tcp";
    const auto range = parse_port_range(pieces.before);
    const bool known = protocol == "tcp" || protocol == "udp" || protocol == "sctp";
    if (!known || !range || range->first == 0)
        return bad_request("invalid port specification: \"" + std::string(text) + "\"");
    return Ports{range->first, range->second, std::string(protocol)};
}

Result<ExtraHost> parse_extra_host(std::string_view text)
{
    const Cut pieces = cut(text, ':');
    ExtraHost host{std::string(pieces.before), std::string(pieces.after)};
    if (!pieces.found || host.name.empty() || !is_line(host.name))
        return bad_request("bad format for add-host: \"" + std::string(text) + "\"");
    if (!host.is_gateway() && !is_address(host.address))
        return bad_request("invalid IP address in add-host: \"" + host.address + "\"");
    return host;
}

Result<std::string_view> variable_name(std::string_view text)
{
    const std::string_view name = cut(text, '=').before;
    if (name.empty()) return bad_request("invalid environment variable: " + std::string(text));
    return name;
}

Result<Bind> parse_bind(const std::string& text)
{
    const auto invalid = [&](const std::string& why = {}) {
        return bad_request("invalid volume specification: '" + text + "'" + why);
    };
    const std::vector<std::string> pieces = split(text, ':');
    if (pieces[0].empty() || pieces.size() > 3) return invalid();

    Bind bind;
    if (pieces.size() > 1) bind.source = pieces[0];
    bind.target = pieces[pieces.size() > 1 ? 1 : 0];
    if (pieces.size() == 3 && !pieces[2].empty())
        if (const auto read = read_mode(bind, pieces[2]); !read) return tl::unexpected(read.error());
    if (!bind.target.starts_with('/'))
        return invalid(": invalid mount path: '" + bind.target + "' mount path must be absolute");
    return bind;
}

Result<VolumesFrom> parse_volumes_from(const std::string& text)
{
    const Cut pieces = cut(text, ':');
    VolumesFrom from{std::string(pieces.before), std::string(pieces.after)};
    if (!from.mode.empty() && from.mode != "ro" && from.mode != "rw") return bad_request("invalid mode: " + from.mode);
    return from;
}

Result<Link> parse_link(const std::string& text)
{
    const std::vector<std::string> pieces = split(text, ':');
    if (text.empty() || pieces.size() > 2) return bad_request("bad format for links: " + text);
    Link link{pieces[0], pieces.size() == 2 ? pieces[1] : pieces[0]};
    if (link.container.starts_with('/')) {
        link.container.erase(0, 1);
        link.alias.erase(0, link.alias.rfind('/') + 1);
    }
    if (link.container.empty() || !is_line(text)) return bad_request("bad format for links: " + text);
    if (link.alias.empty()) link.alias = link.container;
    return link;
}

std::optional<std::string_view> shared_container(std::string_view mode)
{
    const Cut pieces = cut(mode, ':');
    if (!pieces.found || pieces.before != "container") return std::nullopt;
    return pieces.after;
}

std::string security_option(std::string_view text)
{
    const Cut pieces = cut(text, text.find('=') != text.npos ? '=' : ':');
    std::string option(pieces.before);
    if (pieces.found) option.append("=").append(pieces.after);
    return option == "no-new-privileges=true" ? "no-new-privileges" : option;
}

bool is_address(std::string_view text)
{
    const std::string address(text);
    in6_addr ignored{};
    return ::inet_pton(text.find(':') == text.npos ? AF_INET : AF_INET6, address.c_str(), &ignored) == 1;
}

bool is_line(std::string_view text)
{
    return std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

}  // namespace rules
