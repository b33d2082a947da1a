#pragma once

#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/result.h"

// Texts of the API in which the engine looks for separators. Each is taken apart here and nowhere else, by dockerd's own rule, into our model; what
// is sent is written anew from that, in one spelling. Two programs that cut a text each for itself do not always mean the same.
namespace rules {

/// `text` at the first `separator`, as Go's strings.Cut: without one all of it is `before`.
struct Cut {
    std::string_view before;
    std::string_view after;
    bool found = false;
};
Cut cut(std::string_view text, char separator);

/// `text` cut at every `separator`; the empty text is one empty piece. For a text that a job may make long: pieces().
std::vector<std::string> split(std::string_view text, char separator);

/// The same one by one, as string_views, of which the empty text has none.
inline auto pieces(std::string_view text, char separator)
{
    return std::views::split(text, separator) | std::views::transform([](auto piece) { return std::string_view(piece.begin(), piece.end()); });
}

/// `80` or `8000-8010`, each from 0 to 65535.
std::optional<std::pair<int, int>> parse_port_range(std::string_view text);

/// A key of ExposedPorts and PortBindings: `80/tcp`, `8000-8010/udp`, `80`.
struct Ports {
    int first = 0;
    int last = 0;
    std::string protocol;

    int count() const { return last - first + 1; }
    std::string text() const;  ///< always with the protocol
};
Result<Ports> parse_ports(std::string_view text);

/// An entry of ExtraHosts, and of a build's `extrahosts`: `name:address`, cut at the first `:` since addresses have them too.
struct ExtraHost {
    std::string name;
    std::string address;

    bool is_gateway() const { return address == "host-gateway"; }  ///< whatever the engine takes for the host's address
    std::string text() const { return name + ":" + address; }
};
Result<ExtraHost> parse_extra_host(std::string_view text);

/// The name in an entry of Env: `NAME=value`; without `=` the image's variable is taken away.
Result<std::string_view> variable_name(std::string_view text);

/// An entry of Binds: `[source:]target[:mode]`.
struct Bind {
    std::string source;  ///< empty: an anonymous volume
    std::string target;
    std::string mode;  ///< what goes on of it
    bool read_only = false;
};
Result<Bind> parse_bind(const std::string& text);

/// An entry of VolumesFrom: `container[:mode]`.
struct VolumesFrom {
    std::string container;
    std::string mode;  ///< empty, `ro` or `rw`
};
Result<VolumesFrom> parse_volumes_from(const std::string& text);

/// An entry of Links: `container[:alias]`, also in the form that inspect shows: `/db:/web/alias`.
struct Link {
    std::string container;
    std::string alias;
};
Result<Link> parse_link(const std::string& text);

/// The reference in a mode `container:<reference>`; nullopt for any other mode.
std::optional<std::string_view> shared_container(std::string_view mode);

/// An entry of SecurityOpt in its one spelling: `name=value`, or a word. dockerd takes `:` where there is no `=`.
std::string security_option(std::string_view text);

/// An address as Go's net.ParseIP reads it: IPv4 with four decimal parts, or IPv6 without a zone.
bool is_address(std::string_view text);

/// A text that the engine writes into a line of a file (hosts, resolv.conf): without control characters.
bool is_line(std::string_view text);

}  // namespace rules
