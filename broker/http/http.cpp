#include "broker/http/http.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace broker {
namespace {

using rules::Result;

tl::unexpected<rules::Error> refuse(int status, std::string message)
{
    return tl::unexpected(rules::Error{status, std::move(message)});
}

constexpr bool is_token(unsigned char c)
{
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || others.find(static_cast<char>(c)) != others.npos;
}

constexpr auto token_table = [] {
    std::array<bool, 256> table{};
    for (int c = 0; c < 256; ++c) table[static_cast<std::size_t>(c)] = is_token(static_cast<unsigned char>(c));
    return table;
}();

bool all_token(std::string_view text)
{
    return !text.empty() && std::ranges::all_of(text, [](char c) { return token_table[static_cast<unsigned char>(c)]; });
}

constexpr auto value_table = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0; c < 256; ++c) table[c] = c == '\t' || (c >= 0x20 && c != 0x7f);
    return table;
}();

bool plain_value(std::string_view text)
{
    return std::ranges::all_of(text, [](char c) { return value_table[static_cast<unsigned char>(c)]; });
}

std::string_view trim(std::string_view text)
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// The next line without its CRLF; nullopt for a bare LF, a bare CR or an unfinished line.
std::optional<std::string_view> take_line(std::string_view& text)
{
    const std::size_t end = text.find('\n');
    if (end == text.npos || end == 0 || text[end - 1] != '\r') return std::nullopt;
    const std::string_view line = text.substr(0, end - 1);
    if (line.find('\r') != line.npos) return std::nullopt;
    text.remove_prefix(end + 1);
    return line;
}

/// `name: value`.
Result<Header> parse_header(std::string_view line)
{
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !all_token(line.substr(0, colon))) return refuse(400, "malformed header name");
    const Header header{line.substr(0, colon), trim(line.substr(colon + 1))};
    if (!plain_value(header.value)) return refuse(400, "malformed header value");
    return header;
}

/// What Connection headers say.
struct Connection {
    bool close = false, keep_alive = false, upgrade = false;
};

/// Adds what the list of one says. False when it is none: a reader that knows quotes could find other options in it than one that does not.
bool add_options(std::string_view list, Connection& into)
{
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view option = trim(list.substr(0, comma));
        if (!option.empty() && !all_token(option)) return false;
        if (equal_fold(option, "close")) into.close = true;
        if (equal_fold(option, "keep-alive")) into.keep_alive = true;
        if (equal_fold(option, "upgrade")) into.upgrade = true;
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return true;
}

/// Reads the header lines behind the first line into `head` and decides framing and persistence.
Result<void> parse_headers(std::string_view text, Head& head)
{
    int lengths = 0, codings = 0, types = 0;
    Connection connection;
    head.headers.reserve(12);
    for (;;) {
        const auto line = take_line(text);
        if (!line) return refuse(400, "malformed header: lines end in CRLF");
        if (line->empty()) break;
        const Result<Header> read = parse_header(*line);
        if (!read) return tl::unexpected(read.error());
        const Header& header = *read;
        if (head.headers.size() == headers_max) return refuse(431, "too many headers");
        head.headers.push_back(header);
        if (equal_fold(header.name, "content-length")) {
            const auto [end, error] = std::from_chars(header.value.data(), header.value.data() + header.value.size(), head.length);
            const bool digits = std::ranges::all_of(header.value, [](char c) { return c >= '0' && c <= '9'; });
            if (++lengths > 1 || !digits || error != std::errc{} || header.value.size() > 18) return refuse(400, "malformed Content-Length");
            (void)end;
            head.framing = Framing::length;
        } else if (equal_fold(header.name, "transfer-encoding")) {
            if (++codings > 1 || header.value != "chunked") return refuse(400, "unsupported Transfer-Encoding");
        } else if (equal_fold(header.name, "connection")) {
            if (!add_options(header.value, connection)) return refuse(400, "malformed Connection");
        } else if (equal_fold(header.name, "content-type")) {
            if (++types > 1) return refuse(400, "more than one Content-Type");
        }
    }
    if (!text.empty()) return refuse(400, "malformed head");
    if (codings && lengths) return refuse(400, "both Content-Length and Transfer-Encoding");
    if (codings) head.framing = Framing::chunked;
    head.keep_alive = !connection.close && (head.minor == 1 || connection.keep_alive);
    head.upgrade = connection.upgrade && !head.header("upgrade").empty();
    return {};
}

}  // namespace

bool equal_fold(std::string_view a, std::string_view b)
{
    return a.size() == b.size() && std::ranges::equal(a, b, [](char x, char y) {
               const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
               return lower(x) == lower(y);
           });
}

std::string_view Head::header(std::string_view name) const
{
    const auto found = std::ranges::find_if(headers, [name](const Header& each) { return equal_fold(each.name, name); });
    return found == headers.end() ? std::string_view{} : found->value;
}

std::size_t head_length(std::string_view buffer)
{
    const std::size_t end = buffer.find("\r\n\r\n");
    if (end != buffer.npos) return end + 4;
    // A bare LF LF never becomes a complete head otherwise: hand it to the parser, which refuses it.
    const std::size_t bare = buffer.find("\n\n");
    return bare == buffer.npos ? 0 : bare + 2;
}

rules::Result<RequestHead> parse_request(std::string_view text)
{
    RequestHead head;
    head.bytes.assign(text.begin(), text.end());
    std::string_view rest(head.bytes.data(), head.bytes.size());
    const auto line = take_line(rest);
    if (!line) return refuse(400, "malformed request line");
    const std::size_t first = line->find(' ');
    const std::size_t last = line->rfind(' ');
    if (first == line->npos || first == last) return refuse(400, "malformed request line");
    head.method = line->substr(0, first);
    head.target = line->substr(first + 1, last - first - 1);
    const std::string_view protocol = line->substr(last + 1);
    if (head.method.empty() || !std::ranges::all_of(head.method, [](char c) { return c >= 'A' && c <= 'Z'; }))
        return refuse(400, "malformed method");
    if (head.target.empty() || !std::ranges::all_of(head.target, [](char c) { return c > 0x20 && c < 0x7f; }))
        return refuse(400, "malformed request target");
    if (protocol != "HTTP/1.1" && protocol != "HTTP/1.0") return refuse(505, "unsupported protocol version");
    head.minor = protocol.back() - '0';

    if (auto read = parse_headers(rest, head); !read) return tl::unexpected(read.error());
    const auto hosts = std::ranges::count_if(head.headers, [](const Header& each) { return equal_fold(each.name, "host"); });
    if (hosts > 1 || (hosts == 0 && head.minor == 1)) return refuse(400, "one Host header is required");
    if (head.minor == 0 && (head.framing == Framing::chunked || head.length > 0)) return refuse(400, "HTTP/1.0 requests with a body are not served");
    if (head.framing == Framing::length && head.length == 0) head.framing = Framing::none;
    if (head.framing != Framing::none && (head.method == "GET" || head.method == "HEAD" || head.method == "DELETE" || head.method == "OPTIONS"))
        return refuse(400, std::string(head.method) + " requests have no body");
    if (const std::string_view expect = head.header("expect"); !expect.empty()) {
        if (!equal_fold(expect, "100-continue")) return refuse(417, "unsupported Expect");
        head.expects_continue = head.minor == 1 && head.framing != Framing::none;
    }
    return head;
}

rules::Result<ResponseHead> parse_response(std::string_view text, bool to_head)
{
    ResponseHead head;
    head.bytes.assign(text.begin(), text.end());
    std::string_view rest(head.bytes.data(), head.bytes.size());
    const auto line = take_line(rest);
    // The blank behind the status stands there even without a reason (RFC 9112 section 4).
    if (!line || line->size() < 13 || !line->starts_with("HTTP/1.") || (*line)[8] != ' ' || (*line)[12] != ' ' || !plain_value(*line))
        return refuse(502, "malformed status line");
    head.minor = (*line)[7] - '0';
    const auto [end, error] = std::from_chars(line->data() + 9, line->data() + 12, head.status);
    if (head.minor < 0 || head.minor > 1 || error != std::errc{} || end != line->data() + 12 || head.status < 100)
        return refuse(502, "malformed status line");

    head.framing = Framing::until_close;
    if (auto read = parse_headers(rest, head); !read) return tl::unexpected(read.error());
    if (to_head || head.status < 200 || head.status == 204 || head.status == 304) head.framing = Framing::none;
    if (head.framing == Framing::length && head.length == 0) head.framing = Framing::none;
    if (head.framing == Framing::until_close) head.keep_alive = false;
    return head;
}

namespace {

constexpr std::size_t size_line_max = 256;
constexpr std::size_t trailer_max = 8192;

/// Reads the first line of a chunk, with its CR.
bool read_size(std::string_view line, std::uint64_t& size)
{
    const auto [digits, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    const std::size_t count = static_cast<std::size_t>(digits - line.data());
    if (error != std::errc{} || count == 0 || count > 15 || line.back() != '\r') return false;
    std::string_view extension = line.substr(count);
    extension.remove_suffix(1);
    // Chunk extensions are read over, as RFC 9112 section 7.1.1 asks; white space that Go takes too.
    return plain_value(extension) && (trim(extension).empty() || trim(extension).front() == ';');
}

}  // namespace

ChunkReader::Step ChunkReader::step(std::string_view input)
{
    Step step;
    const auto rest = [&] { return input.substr(step.used); };
    for (;;) {
        switch (state_) {
        case State::size: {
            const std::size_t end = rest().find('\n');
            if (end == input.npos) {
                step.broken = rest().size() > size_line_max;
                return step;
            }
            if (end > size_line_max || !read_size(rest().substr(0, end), left_)) return {.broken = true};
            step.used += end + 1;
            state_ = left_ == 0 ? State::trailer : State::data;
            break;
        }
        case State::data: {
            if (rest().empty()) return step;
            step.payload = rest().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest().size())));
            step.used += step.payload.size();
            left_ -= step.payload.size();
            if (left_ == 0) state_ = State::data_end;
            return step;
        }
        case State::data_end:
            if (rest().size() < 2) {
                step.broken = rest().size() == 1 && rest()[0] != '\r';
                return step;
            }
            if (rest().substr(0, 2) != "\r\n") return {.broken = true};
            step.used += 2;
            state_ = State::size;
            break;
        case State::trailer: {
            const std::size_t end = rest().find('\n');
            if (end == input.npos) {
                step.broken = trailer_seen_ + rest().size() > trailer_max;
                return step;
            }
            trailer_seen_ += end;
            if (end == 0 || rest()[end - 1] != '\r' || trailer_seen_ > trailer_max) return {.broken = true};
            if (end > 1 && !parse_header(rest().substr(0, end - 1))) return {.broken = true};
            step.used += end + 1;
            if (end > 1) break;  // a trailer field: read, never forwarded
            state_ = State::done;
            step.done = true;
            return step;
        }
        case State::done: step.done = true; return step;
        }
    }
}

}  // namespace broker
