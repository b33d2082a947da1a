#include "rules/policy/dial.h"

#include <algorithm>

#include "rules/glob.h"
#include "rules/policy/image_policy.h"
#include "rules/text.h"

namespace rules {
namespace {

constexpr std::string_view local = "images.registries_local";

/// Names that mean this host wherever they are looked up, or before they are (RFC 6761, and the /etc/hosts of distributions).
bool is_loopback_name(std::string_view host)
{
    constexpr std::string_view names[] = {
        "localhost",     "localhost.localdomain", "localhost4", "localhost6", "localhost4.localdomain4", "localhost6.localdomain6",
        "ip6-localhost", "ip6-loopback"};
    return std::ranges::find(names, host) != std::end(names) || host.ends_with(".localhost");
}

tl::unexpected<Error> no_host(std::string_view text)
{
    return bad_request("berth: not a host and port that the engine can connect to: " + std::string(text.substr(0, 200)));
}

/// Letters, digits, `.`, `-` and `_`: what no two parsers, and no table of look-alikes, read differently.
bool is_host_name(std::string_view host)
{
    return !host.empty() && std::ranges::all_of(host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    });
}

/// What is between scheme and path.
std::string_view authority_of(std::string_view text)
{
    return text.substr(0, text.find_first_of("/?#"));
}

bool is_listed(const Profile& profile, const std::string& host, const std::string& port)
{
    return std::ranges::any_of(profile.registries_local, [&](const std::string& pattern) {
        return matches(pattern, host) || (!port.empty() && matches(pattern, host + ":" + port));
    });
}

std::string bracketed(const std::string& host)
{
    return host.find(':') == host.npos ? host : "[" + host + "]";
}

bool holds(const std::vector<Range>& ranges, const Address& address)
{
    return std::ranges::any_of(ranges, [&](const Range& each) { return each.contains(address); });
}

/// What `address` is that the engine does not connect to; empty when there is nothing against it.
std::string_view objection(const Address& address, const DialFacts& facts, const Profile& profile)
{
    const bool of_host = std::ranges::find(facts.of_host, address) != facts.of_host.end();
    // On its own gateway a job has its published ports, and the host its services, which containers may reach or not.
    if (holds(facts.of_job, address) && (!of_host || profile.host_reachable)) return {};
    for (const SpecialRange& each : special_ranges())
        if (parse_range(each.range)->contains(address)) return each.what;
    if (of_host) return "an address of the host itself";
    if (holds(facts.of_others, address)) return "in a network of the host's containers that is not the job's";
    return {};
}

tl::unexpected<Error> refused(const DialTarget& target, std::string_view what, const std::string& field)
{
    return denied(std::string(local), field, target.text,
                  target.text + " is " + std::string(what) +
                      ", where the engine connects to nothing for a job: take one that is elsewhere, or ask the operator for a profile that lists " +
                      target.text + " there");
}

}  // namespace

Result<DialTarget> dial_target(std::string_view text)
{
    DialTarget target;
    std::string_view host = text;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == text.npos) return no_host(text);
        host = text.substr(1, end - 1);
        text.remove_prefix(end + 1);
        if (!text.empty() && text.front() != ':') return no_host(host);
        if (host.find(':') == host.npos || !read_address(host)) return no_host(host);
    } else {
        host = text.substr(0, text.find(':'));
        text.remove_prefix(host.size());
        if (!is_host_name(host)) return no_host(host);
    }
    if (!text.empty()) {
        target.port = text.substr(1);
        if (target.port.empty() || target.port.size() > 5 || target.port.find_first_not_of("0123456789") != target.port.npos) return no_host(text);
    }
    target.name = lower(host);
    if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
    target.host = lower(host);
    if (const auto address = read_address(host)) target.host = to_string(*address);
    target.text = bracketed(target.host) + (target.port.empty() ? "" : ":" + target.port);
    return target;
}

Result<DialTarget> login_target(std::string_view server)
{
    if (server.empty()) return dial_target("docker.io");
    for (const std::string_view scheme : {"https://", "http://"})
        if (server.starts_with(scheme)) {
            server.remove_prefix(scheme.size());
            break;
        }
    return dial_target(authority_of(server));
}

Result<DialTarget> url_target(std::string_view url)
{
    const std::size_t colon = url.find("://");
    const std::string scheme = lower(url.substr(0, std::min(colon, std::size_t{10})));
    if (colon == url.npos || (scheme != "http" && scheme != "https")) return no_host(url);
    return dial_target(authority_of(url.substr(colon + 3)));
}

bool needs_facts(const DialTarget& target, const Profile& profile)
{
    return !target.is_hub() && !is_listed(profile, bracketed(target.host), target.port) && !is_loopback_name(target.host);
}

Result<void> may_dial(const DialTarget& target, const DialFacts& facts, const Profile& profile, const std::string& field)
{
    if (target.is_hub() || is_listed(profile, bracketed(target.host), target.port)) return {};
    if (is_loopback_name(target.host)) return refused(target, "the host's loopback", field);
    std::vector<Address> addresses = facts.addresses;
    if (const auto own = parse_address(target.host)) addresses = {*own};
    if (addresses.empty()) return check_registry(target.text, profile, field);
    for (const Address& each : addresses)
        for (const Address& address : {each, carried(each)}) {
            const std::string_view what = objection(address, facts, profile);
            if (!what.empty() && !is_listed(profile, bracketed(to_string(address)), target.port)) return refused(target, what, field);
        }
    return {};
}

}  // namespace rules
