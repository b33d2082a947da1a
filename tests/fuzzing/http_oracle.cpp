#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/dynamic_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include <algorithm>
#include <map>
#include <vector>

#include "broker/http/http.h"
#include "tests/fuzzing/target.h"

// HTTP/1.1 as Boost.Beast reads it, beside how we do. What we accept, Beast accepts too, and reads as the same message that ends at the same
// byte: so nobody behind us can see another one. What we refuse is no finding: we may be stricter.
namespace fuzz {
namespace {

namespace http = boost::beast::http;
using broker::Framing;

/// A message as one of the two has read it.
struct Reading {
    std::string refused;  ///< why; empty: accepted
    std::string start;    ///< method and target, or the status
    int minor = 0;
    /// By their names in lower case: Beast keeps those of one name together.
    std::map<std::string, std::vector<std::pair<std::string, std::string>>> fields;
    Framing framing = Framing::none;
    std::uint64_t length = 0;
    bool keep_alive = false, upgrade = false;
    std::size_t head = 0;  ///< bytes of it
    std::string body;      ///< what is there of it
    bool done = false;
    std::size_t rest = 0;  ///< bytes behind the message
};

void add_field(Reading& reading, std::string_view name, std::string_view value)
{
    std::string lower(name);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    reading.fields[lower].emplace_back(name, value);
}

template <bool is_request>
Reading by_beast(std::string_view input, bool to_head)
{
    http::parser<is_request, http::dynamic_body> parser;
    parser.header_limit(1 << 20);
    parser.body_limit(boost::none);
    parser.skip(to_head);
    Reading all;
    boost::beast::error_code error;
    all.head = parser.put(boost::asio::buffer(input), error);
    if (error || !parser.is_header_done()) {
        all.refused = error.message();
        return all;
    }
    const auto& message = parser.get();
    if constexpr (is_request)
        all.start = std::string(message.method_string()) + " " + std::string(message.target());
    else
        all.start = std::to_string(message.result_int());
    all.minor = static_cast<int>(message.version()) - 10;
    for (const auto& each : message) add_field(all, each.name_string(), each.value());
    all.keep_alive = parser.keep_alive();
    all.upgrade = parser.upgrade() && !message[http::field::upgrade].empty();
    if (parser.is_done())
        all.framing = Framing::none;
    else if (parser.chunked())
        all.framing = Framing::chunked;
    else
        all.framing = parser.content_length() ? Framing::length : Framing::until_close;
    if (all.framing == Framing::length) all.length = *parser.content_length();

    parser.eager(true);
    const std::string_view body = input.substr(all.head);
    std::size_t used = 0;
    if (!parser.is_done() && !body.empty()) used = parser.put(boost::asio::buffer(body), error);
    if (error && error != http::error::need_more) all.refused = error.message();
    all.body = boost::beast::buffers_to_string(message.body().data());
    all.done = parser.is_done();
    all.rest = body.size() - used;
    return all;
}

/// The head for Beast, which reads Proxy-Connection as Connection. No RFC does, nor Go, nor we: it has another name there.
std::string for_beast(const broker::Head& head)
{
    std::string text(head.bytes.data(), head.bytes.size());
    for (const broker::Header& each : head.headers)
        if (broker::equal_fold(each.name, "proxy-connection")) text[static_cast<std::size_t>(each.name.data() - head.bytes.data())] = 'X';
    return text;
}

/// What we read of a head; the fields as they stand in `text`, which has the head's bytes.
Reading by_us(const broker::Head& head, std::string_view text, std::string start)
{
    Reading all;
    all.start = std::move(start);
    all.minor = head.minor;
    const auto in_text = [&](std::string_view part) { return text.substr(static_cast<std::size_t>(part.data() - head.bytes.data()), part.size()); };
    for (const broker::Header& each : head.headers) add_field(all, in_text(each.name), in_text(each.value));
    all.framing = head.framing;
    if (head.framing == Framing::length) all.length = head.length;
    all.keep_alive = head.keep_alive;
    all.upgrade = head.upgrade;
    all.head = text.size();
    return all;
}

/// What frames the chunks, up to a chunk's data or the end, without chunk extensions and trailers.
std::string bare(std::string_view frame, bool done)
{
    std::string text;
    if (frame.starts_with("\r\n")) text = "\r\n";
    frame.remove_prefix(text.size());
    if (frame.empty()) return text;
    text.append(frame.substr(0, frame.find_first_not_of("0123456789abcdefABCDEF"))).append("\r\n");
    return done ? text + "\r\n" : text;
}

/// Reads the body `input` into `all`; false when its framing is broken. Into `chunks` goes what was read of chunks, without extensions and trailers.
bool read_body(std::string_view input, Reading& all, std::string& chunks)
{
    all.done = all.framing == Framing::none;
    if (all.framing == Framing::length || all.framing == Framing::until_close) {
        all.body = input.substr(0, all.framing == Framing::length ? std::min<std::uint64_t>(all.length, input.size()) : input.size());
        all.done = all.framing == Framing::length && all.body.size() == all.length;
        input.remove_prefix(all.body.size());
    }
    broker::ChunkReader reader;
    while (all.framing == Framing::chunked) {
        const auto step = reader.step(input);
        if (step.broken) return false;
        all.done = step.done;
        all.body.append(step.payload);
        chunks.append(bare(input.substr(0, step.used - step.payload.size()), step.done)).append(step.payload);
        input.remove_prefix(step.used);
        if (step.payload.empty()) break;
    }
    if (all.done) chunks.append(input);
    all.rest = input.size();
    return true;
}

/// Beast keeps an HTTP/1.0 connection that both `close` and `keep-alive` were said of. We close it, as RFC 9112 section 9.3 says.
bool closes_anyway(const Reading& ours)
{
    const auto connection = ours.fields.find("connection");
    return ours.minor == 0 && !ours.keep_alive && connection != ours.fields.end() &&
           std::ranges::any_of(connection->second, [](const auto& each) { return http::token_list(each.second).exists("close"); });
}

template <bool is_request>
void compare(std::string_view input, const broker::Head& head, std::string start, bool to_head)
{
    const std::string text = for_beast(head);
    std::string_view body = input.substr(text.size());
    Reading ours = by_us(head, text, std::move(start));
    Reading theirs = by_beast<is_request>(text, to_head);
    must(theirs.refused.empty(), "a head that we accept is one to Beast", text, theirs.refused);
    must(theirs.head == ours.head && theirs.start == ours.start && theirs.minor == ours.minor, "the same first line", ours.start, theirs.start);
    must(theirs.fields == ours.fields, "the same fields", text);
    must(theirs.framing == ours.framing && theirs.length == ours.length, "the same framing", text);
    must(theirs.keep_alive == ours.keep_alive || closes_anyway(ours), "the connection is kept by both", text);
    must(theirs.upgrade == ours.upgrade, "the same upgrade", text);

    std::string chunks;
    if (!read_body(body, ours, chunks)) return;
    if (!ours.done) body.remove_suffix(ours.rest);  // half a line: neither accepted nor refused yet
    theirs = by_beast<is_request>(text + std::string(body), to_head);
    // We read over the extensions of a chunk and over trailers, whatever they say (RFC 9112 sections 7.1.1 and 7.1.2). Beast looks into them, and
    // for the end of a quoted string beyond the end of the line: where it has come to no end, it has to come to ours without them.
    if (ours.framing == Framing::chunked && !theirs.done) theirs = by_beast<is_request>(text + chunks, to_head);
    must(theirs.refused.empty(), "a body that we accept is one to Beast", input, theirs.refused);
    must(theirs.done == ours.done && theirs.body == ours.body, "the same body", ours.body, theirs.body);
    must(!ours.done || theirs.rest == ours.rest, "the same end of it", input);
}

void request_oracle(std::string_view input)
{
    const std::size_t length = broker::head_length(input);
    if (length == 0) return;
    const auto head = broker::parse_request(input.substr(0, length));
    if (head) compare<true>(input, *head, std::string(head->method) + " " + std::string(head->target), false);
}

void response_oracle(std::string_view input)
{
    const bool to_head = taken(input) % 2 == 1;
    const std::size_t length = broker::head_length(input);
    if (length == 0) return;
    const auto head = broker::parse_response(input.substr(0, length), to_head);
    if (head) compare<false>(input, *head, std::to_string(head->status), to_head);
}

constexpr Target targets[] = {{"request_oracle", request_oracle}, {"response_oracle", response_oracle}};

}  // namespace

std::span<const Target> http_oracle_targets()
{
    return targets;
}

}  // namespace fuzz
