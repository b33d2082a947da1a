#include "broker/http/http.h"

#include "rules/api/filters.h"
#include "rules/api/params.h"
#include "rules/api/route.h"
#include "rules/query.h"
#include "tests/fuzzing/target.h"

namespace fuzz {
namespace {

bool plain(std::string_view text)
{
    return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

/// A head that is accepted reads the same whatever comes behind it, and the same when it is written anew.
void head(std::string_view input)
{
    const std::size_t length = broker::head_length(input);
    must(length <= input.size(), "a head is part of the buffer");
    static_cast<void>(broker::parse_response(input.substr(0, length ? length : input.size()), false));
    if (length == 0) return;
    const auto read = broker::parse_request(input.substr(0, length));
    if (!read) return;
    must(broker::head_length(std::string(input.substr(0, length)) + "GET / HTTP/1.1\r\n\r\n") == length,
         "what follows a head does not change its length");
    must(plain(read->method) && plain(read->target), "no line ends in the request line", read->method, read->target);
    must(!(read->framing == broker::Framing::length && !read->header("transfer-encoding").empty()), "one framing only");
    broker::HeadWriter writer = broker::HeadWriter::request(read->method, read->target);
    bool host = false;
    for (const broker::Header& each : read->headers) {
        must(plain(each.name) && plain(each.value), "no line ends in a header", each.name, each.value);
        if (broker::equal_fold(each.name, "host")) {
            host = true;  // ours is there already
            continue;
        }
        writer.add(each.name, each.value);
    }
    if (read->minor == 0) return;  // we write 1.1
    must(host, "a Host is required");
    const std::string text = std::move(writer).finish();
    const auto again = broker::parse_request(text);
    if (text.size() > broker::head_max) return;
    must(again.has_value(), "a head that we write is one that we read", text, again ? "" : again.error().message);
    must(again->method == read->method && again->target == read->target && again->framing == read->framing && again->length == read->length &&
             again->keep_alive == read->keep_alive && again->upgrade == read->upgrade && again->headers.size() == read->headers.size(),
         "a head that is written anew means the same", input, text);
}

struct Unchunked {
    std::string data;
    bool done = false, broken = false;
    std::size_t used = 0;
    bool operator==(const Unchunked&) const = default;
};

Unchunked unchunked(std::string_view input, std::size_t piece)
{
    Unchunked all;
    broker::ChunkReader reader;
    std::string waiting;
    for (std::size_t at = 0; at < input.size() && !all.done && !all.broken; at += piece) {
        waiting.append(input.substr(at, piece));
        for (;;) {
            const auto step = reader.step(waiting);
            must(step.used <= waiting.size(), "a step takes what is there");
            all.broken = step.broken;
            all.done = step.done;
            if (step.broken) break;
            all.data.append(step.payload);
            all.used += step.used;
            const bool still = step.used == 0;
            waiting.erase(0, step.used);
            if (still || all.done) break;
        }
    }
    return all;
}

/// Chunks mean the same however they arrive, and written anew they carry the same bytes.
void chunks(std::string_view input)
{
    const std::size_t piece = 1 + taken(input) % 16;
    const Unchunked whole = unchunked(input, input.size() + 1), pieces = unchunked(input, piece);
    must(whole.done == pieces.done && whole.broken == pieces.broken, "chunks do not depend on how they arrive", input);
    if (!whole.broken) must(whole.data == pieces.data && whole.used == pieces.used, "nor does what they carry", whole.data, pieces.data);
    if (!whole.done) return;
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", whole.data.size());
    const std::string ours = whole.data.empty() ? "0\r\n\r\n" : size + whole.data + "\r\n0\r\n\r\n";
    const Unchunked again = unchunked(ours, ours.size());
    must(again.done && again.data == whole.data && again.used == ours.size(), "our own chunks carry the same", whole.data, again.data);
}

/// `METHOD TARGET`: what is routed is routed in the same way when it is written anew, and that a second time changes nothing.
void target(std::string_view input)
{
    const std::string_view method = input.substr(0, input.find(' '));
    const std::string_view text = input.substr(std::min(method.size() + 1, input.size()));
    if (const auto query = rules::Query::parse(text)) {
        const auto again = rules::Query::parse(query->encode());
        must(again && again->items() == query->items(), "a query that is written anew means the same", text, query->encode());
    }
    const auto route = rules::find_endpoint(method, text).and_then([](const rules::MatchedEndpoint& row) { return rules::route_to(row, {}); });
    if (!route) return;
    must(plain(route->id), "no line ends in a reference");
    // An object is found in the job's tables, and its full id is what is sent.
    const std::string id = route->endpoint->kind == rules::Kind::none ? route->id : std::string(64, 'a');
    const std::string ours = rules::target_of(*route->endpoint, route->version, id, route->query);
    must(ours.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/%?=&+:@") == ours.npos,
         "only plain bytes are sent", ours);
    const auto again = rules::find_endpoint(method, ours).and_then([](const rules::MatchedEndpoint& row) { return rules::route_to(row, {}); });
    must(again.has_value(), "a target that we write is one that we read", ours, again ? "" : again.error().message);
    must(again->endpoint == route->endpoint && again->id == id && again->version == route->version, "it leads to the same place", text, ours);
    const std::string third = rules::target_of(*again->endpoint, again->version, again->id, again->query);
    must(third == ours, "a rewrite is idempotent", ours, third);
}

/// Filters written anew are the same ones. A pattern is matched in linear time: libFuzzer's limit ends one that is not.
void filters(std::string_view input)
{
    static constexpr std::initializer_list<std::string_view> known = {"name", "label", "label!", "id", "dangling", "until"};
    const auto read = rules::Filters::parse(input, known);
    if (!read) return;
    const std::string ours = read->encode();
    const auto again = rules::Filters::parse(ours, known);
    must(again.has_value(), "filters that we write are ones that we read", ours, again ? "" : again.error().message);
    must(again->encode() == ours, "a rewrite is idempotent", ours, again->encode());
    for (const std::string_view key : known) {
        must(again->values(key) == read->values(key), "filters that are written anew mean the same", input, ours);
        static_cast<void>(read->any_match(key, "a container's name, and then some: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
    }
    static_cast<void>(read->labels_match(rules::Json{{"a", "b"}, {"com.example", ""}}));
}

constexpr Target targets[] = {{"head", head}, {"chunks", chunks}, {"target", target}, {"filters", filters}};

}  // namespace

std::span<const Target> http_targets()
{
    return targets;
}

}  // namespace fuzz
