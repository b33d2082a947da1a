#include "rules/api/route.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "rules/api/params.h"

// dockerd matches the decoded path, redirects what is not clean, and takes the id greedily (`{name:.*}`). Here nothing
// is cleaned: a path that is not clean is refused, and what matches is written anew by `target_of`.
namespace rules {
namespace {

tl::unexpected<Error> no_page()
{
    return not_found("page not found");
}

tl::unexpected<Error> bad_target(std::string_view why)
{
    return tl::unexpected(Error{400, "invalid request target: " + std::string(why), "target", "request target", {}});
}

// The rows, prepared for matching.

/// A row's path taken apart: `head`, the id, `tail`; the whole path is `head` when there is no id.
struct Pattern {
    std::string_view head;
    std::string_view tail = {};
    bool has_id = false;
    bool has_second = false;  ///< a further segment of any text stands behind `tail`
    const Endpoint* row = nullptr;

    std::optional<std::string_view> id_in(std::string_view path) const
    {
        if (!has_id) return path == head ? std::optional<std::string_view>("") : std::nullopt;
        if (has_second) {
            if (path.ends_with('/')) return std::nullopt;
            path = path.substr(0, path.rfind('/'));
        }
        if (path.size() <= head.size() + tail.size() || !path.starts_with(head) || !path.ends_with(tail))
            return std::nullopt;
        const std::string_view id = path.substr(head.size(), path.size() - head.size() - tail.size());
        const bool one_segment = id.find('/') == std::string_view::npos;
        if (id.ends_with('/') || (has_second && !one_segment)) return std::nullopt;
        return id;
    }
};

Pattern pattern_of(const Endpoint& row)
{
    constexpr std::string_view id = "{id}";
    const std::size_t begin = row.path.find(id);
    if (begin == std::string_view::npos) return {.head = row.path, .row = &row};
    std::string_view tail = row.path.substr(begin + id.size());
    const bool second = tail.ends_with('}');
    if (second) tail = tail.substr(0, tail.rfind('/'));
    return {.head = row.path.substr(0, begin), .tail = tail, .has_id = true, .has_second = second, .row = &row};
}

/// `/containers/x/json`: `containers`.
std::string_view first_segment(std::string_view path)
{
    return path.substr(1, path.substr(1).find('/'));
}

struct Group {
    std::string_view segment;
    std::vector<Pattern> patterns;  ///< in the order in which they are tried
};
using Groups = std::array<std::vector<Group>, 6>;  ///< by method

Groups make_groups()
{
    Groups groups;
    for (const Endpoint& row : endpoints()) {
        std::vector<Group>& list = groups[static_cast<std::size_t>(row.method)];
        const std::string_view segment = first_segment(row.path);
        auto group = std::ranges::find(list, segment, &Group::segment);
        if (group == list.end()) group = list.insert(list.end(), {segment, {}});
        group->patterns.push_back(pattern_of(row));
    }
    // Exact paths first; of the others the more special one: `/attach/ws` before what ends in `/ws`, checkpoints before
    // containers.
    const auto rank = [](const Pattern& pattern) { return pattern.has_id ? 1000 - pattern.tail.size() : 0; };
    for (std::vector<Group>& list : groups)
        for (Group& group : list) std::ranges::sort(group.patterns, {}, rank);
    return groups;
}

std::optional<Method> method_of(std::string_view name)
{
    for (const Method method : {Method::get, Method::post, Method::head, Method::del, Method::put, Method::options})
        if (method_name(method) == name) return method;
    return std::nullopt;
}

struct Match {
    const Endpoint* row;
    std::string_view id;
};

std::optional<Match> match(std::string_view method_text, std::string_view path)
{
    static const Groups groups = make_groups();
    const std::optional<Method> method = method_of(method_text);
    if (!method) return std::nullopt;
    // dockerd answers OPTIONS for every path.
    if (*method == Method::options) return Match{&endpoint(Op::system_options), {}};
    const std::vector<Group>& list = groups[static_cast<std::size_t>(*method)];
    const auto group = std::ranges::find(list, first_segment(path), &Group::segment);
    if (group == list.end()) return std::nullopt;
    for (const Pattern& pattern : group->patterns)
        if (const auto id = pattern.id_in(path)) return Match{pattern.row, *id};
    return std::nullopt;
}

// The path.

bool is_printable(char c)
{
    return c > 0x20 && c < 0x7F;
}

/// Bytes that stand for themselves in no path, raw or decoded.
bool is_odd_in_path(char c)
{
    return c == '\\' || c == ';' || c == '#';
}

/// `raw` decoded into `storage` when it has escapes. nullopt for escapes that hide a delimiter, a control character or
/// a non-ASCII byte.
std::optional<std::string_view> decoded_path(std::string_view raw, std::string& storage)
{
    if (raw.find('%') == std::string_view::npos) return raw;
    std::size_t slashes = 0;
    auto decoded = percent_decode(raw, false);
    if (!decoded) return std::nullopt;
    for (const char c : *decoded) {
        if (is_odd_in_path(c) || (c != ' ' && !is_printable(c))) return std::nullopt;
        if (c == '/') ++slashes;
    }
    if (slashes != static_cast<std::size_t>(std::ranges::count(raw, '/'))) return std::nullopt;
    storage = std::move(*decoded);
    return storage;
}

/// No empty segment but a last one, no `.` and no `..`.
bool is_clean(std::string_view path)
{
    for (std::size_t begin = 1; begin < path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view segment = path.substr(begin, end - begin);
        if (segment.empty() || segment == "." || segment == "..") return false;
        begin = end + 1;
    }
    return true;
}

/// Takes `/v1.41` off the front of `path`: nullopt when it has none.
Result<std::optional<Version>> take_version(std::string_view& path)
{
    const std::string_view segment = first_segment(path);
    const auto is_version_char = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
    if (segment.size() < 2 || segment[0] != 'v' || !std::ranges::all_of(segment.substr(1), is_version_char))
        return std::optional<Version>();

    Version version;
    const std::string_view text = segment.substr(1);
    const std::size_t dot = std::min(text.find('.'), text.size());
    const auto read = [](std::string_view digits, int& number) {
        if (digits.empty() || digits.size() > 4 || (digits.size() > 1 && digits[0] == '0')) return false;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        return error == std::errc() && end == digits.data() + digits.size();
    };
    if (!read(text.substr(0, dot), version.major) || !read(text.substr(std::min(dot + 1, text.size())), version.minor))
        return bad_request("invalid API version \"" + std::string(text) + "\": spell it like 1.41");
    path.remove_prefix(1 + segment.size());
    return version;
}

Result<Version> served_version(std::optional<Version> asked, const Endpoint& row, const Versions& versions)
{
    if (!asked || *asked > versions.newest) return versions.newest;
    if (*asked < versions.oldest && *asked >= Version{1, 22} && row.needs.any_version) return versions.oldest;
    if (*asked < versions.oldest)
        return bad_request("client version " + to_string(*asked) + " is too old. Minimum supported API version is " +
                           to_string(versions.oldest) + ", please upgrade your client to a newer version");
    return *asked;
}

/// Only names of images and networks may hold a `/`; dockerd finds nothing else under such a name.
Result<void> check_id(Kind kind, std::string_view id)
{
    if (id.find('/') == std::string_view::npos) return {};
    const std::string text(id);
    switch (kind) {
        case Kind::container:
            return not_found("No such container: " + text);
        case Kind::exec:
            return not_found("No such exec instance: " + text);
        case Kind::volume:
            return not_found("get " + text + ": no such volume");
        default:
            return {};
    }
}

/// An id within a path: delimiters that paths allow stay readable, and images keep their `/`.
void append_id(std::string& target, std::string_view id, bool keep_slash)
{
    for (;;) {
        const std::size_t end = std::min(id.find_first_of(keep_slash ? ":@/" : ":@"), id.size());
        target.append(percent_encode(id.substr(0, end)));
        if (end == id.size()) return;
        target.push_back(id[end]);
        id.remove_prefix(end + 1);
    }
}

}  // namespace

Result<MatchedEndpoint> find_endpoint(std::string_view method, std::string_view target)
{
    if (!target.starts_with('/')) return bad_target("it must begin with /");
    if (!std::ranges::all_of(target, is_printable)) return bad_target("it must be printable ASCII without blanks");
    if (target.find('#') != std::string_view::npos) return bad_target("it must not have a fragment");
    const std::size_t question = std::min(target.find('?'), target.size());

    std::string storage;
    const std::optional<std::string_view> decoded = decoded_path(target.substr(0, question), storage);
    if (!decoded || std::ranges::any_of(*decoded, is_odd_in_path))
        return bad_target("its path has a character that berth does not take");
    if (!is_clean(*decoded)) return bad_target("its path has an empty, `.` or `..` segment");

    std::string_view path = *decoded;
    const Result<std::optional<Version>> asked = take_version(path);
    if (!asked) return tl::unexpected(asked.error());
    if (path.empty()) return no_page();
    const std::optional<Match> found = match(method, path);
    if (!found) return no_page();
    return MatchedEndpoint{found->row, *asked, std::string(found->id), target.substr(std::min(question + 1, target.size()))};
}

Result<Route> route_to(MatchedEndpoint found, const Versions& versions)
{
    const Endpoint& row = *found.endpoint;
    const Result<Version> version = served_version(found.version, row, versions);
    if (!version) return tl::unexpected(version.error());
    if (row.closed.status == 403)
        return denied(std::string(row.closed.rule), std::string(row.name), {}, std::string(row.closed.message));
    if (row.closed.status != 0)
        return tl::unexpected(Error{row.closed.status, std::string(row.closed.message), std::string(row.closed.rule), std::string(row.name)});
    if (const Result<void> id = check_id(row.kind, found.id); !id) return tl::unexpected(id.error());

    Route route{.endpoint = &row, .version = *version, .id = std::move(found.id), .query = {}};
    if (found.query.empty() || row.method == Method::options) return route;
    const Result<Query> query = Query::parse(found.query);
    if (!query) return tl::unexpected(query.error());
    Result<Query> kept = filter_params(row, *query);
    if (!kept) return tl::unexpected(kept.error());
    if (const auto known = check_since(row, *kept, versions.newest); !known) return tl::unexpected(known.error());
    route.query = std::move(*kept);
    return route;
}

std::string target_of(const Endpoint& endpoint, Version version, std::string_view id, const Query& query)
{
    const Pattern pattern = pattern_of(endpoint);
    std::string target = "/v" + to_string(version);
    target.append(pattern.head);
    if (pattern.has_id) append_id(target, id, endpoint.kind == Kind::image);
    target.append(pattern.tail);
    if (!query.empty()) target.append("?").append(query.encode());
    return target;
}

}  // namespace rules
