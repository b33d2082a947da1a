#include "broker/http/http.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace broker {
namespace {

using namespace std::string_literals;

/// A request with these header lines behind `Host: x`.
std::string request(const std::string& line, const std::vector<std::string>& headers = {})
{
    std::string text = line + "\r\nHost: x\r\n";
    for (const std::string& header : headers) text += header + "\r\n";
    return text + "\r\n";
}

std::string post(const std::vector<std::string>& headers)
{
    return request("POST /containers/create HTTP/1.1", headers);
}

std::string get(const std::vector<std::string>& headers)
{
    return request("GET /_ping HTTP/1.1", headers);
}

std::string lines(int count)
{
    std::string text;
    for (int at = 0; at < count; ++at) text += (at ? "\r\nA" : "A") + std::to_string(at) + ": b";
    return text;
}

struct Refusal {
    const char* name;
    std::string text;
    int status = 400;
};

void PrintTo(const Refusal& each, std::ostream* out)
{
    *out << each.name;
}

class RequestIsRefused : public testing::TestWithParam<Refusal> {};

TEST_P(RequestIsRefused, WhenServersCouldReadItDifferently)
{
    const auto head = parse_request(GetParam().text);
    ASSERT_FALSE(head) << GetParam().name;
    EXPECT_EQ(head.error().status, GetParam().status) << GetParam().name << ": " << head.error().message;
    EXPECT_FALSE(head.error().message.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Framing, RequestIsRefused,
    testing::Values(
        Refusal{"a length and chunks", post({"Content-Length: 5", "Transfer-Encoding: chunked"})},
        Refusal{"chunks and a length", post({"Transfer-Encoding: chunked", "Content-Length: 5"})},
        Refusal{"length 0 and chunks (CVE-2024-41110)", post({"Content-Length: 0", "Transfer-Encoding: chunked"})},
        Refusal{"an unreadable length and chunks", post({"Content-Length: zz", "Transfer-Encoding: chunked"})},
        Refusal{"two equal lengths", post({"Content-Length: 5", "Content-Length: 5"})},
        Refusal{"two lengths", post({"Content-Length: 5", "Content-Length: 6"})},
        Refusal{"a list of lengths", post({"Content-Length: 4, 4"})}, Refusal{"a sign", post({"Content-Length: +4"})},
        Refusal{"a negative length", post({"Content-Length: -4"})},
        Refusal{"a hexadecimal length", post({"Content-Length: 0x4"})},
        Refusal{"an empty length", post({"Content-Length:"})}, Refusal{"a blank within", post({"Content-Length: 1 9"})},
        Refusal{"a fraction", post({"Content-Length: 1.0"})}, Refusal{"an exponent", post({"Content-Length: 1e1"})},
        Refusal{"2^64 + 4", post({"Content-Length: 18446744073709551620"})},
        Refusal{"19 digits", post({"Content-Length: 1000000000000000000"})},
        Refusal{"chunked in capitals", post({"Transfer-Encoding: CHUNKED"})},
        Refusal{"chunked with a capital", post({"Transfer-Encoding: Chunked"})},
        Refusal{"another coding", post({"Transfer-Encoding: xchunked"})},
        Refusal{"identity", post({"Transfer-Encoding: identity"})},
        Refusal{"two codings", post({"Transfer-Encoding: gzip, chunked"})},
        Refusal{"chunked twice", post({"Transfer-Encoding: chunked, chunked"})},
        Refusal{"two coding headers", post({"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"})},
        Refusal{"no coding", post({"Transfer-Encoding:"})},
        Refusal{"a parameter", post({"Transfer-Encoding: chunked;a=b"})},
        Refusal{"a vertical tab", post({"Transfer-Encoding: \vchunked"})},
        Refusal{"a folded coding", post({"Transfer-Encoding:\r\n chunked"})},
        Refusal{"a folded length", post({"Content-Length:\r\n 5"})},
        Refusal{"a blank before the colon", post({"Transfer-Encoding : chunked"})},
        Refusal{"a tab before the colon", post({"Content-Length\t: 5"})},
        Refusal{"chunks in HTTP/1.0", request("POST / HTTP/1.0", {"Transfer-Encoding: chunked"})},
        Refusal{"a body in HTTP/1.0", request("POST / HTTP/1.0", {"Content-Length: 5"})},
        Refusal{"a GET with a body", get({"Content-Length: 5"})},
        Refusal{"a GET with chunks", get({"Transfer-Encoding: chunked"})},
        Refusal{"a HEAD with a body", request("HEAD / HTTP/1.1", {"Content-Length: 5"})},
        Refusal{"a DELETE with a body", request("DELETE / HTTP/1.1", {"Content-Length: 5"})},
        Refusal{"an OPTIONS with a body", request("OPTIONS / HTTP/1.1", {"Content-Length: 5"})},
        Refusal{"an expectation", post({"Content-Length: 5", "Expect: 200-ok"}), 417},
        Refusal{"two content types", post({"Content-Type: a/b", "Content-Type: a/b"})}));

INSTANTIATE_TEST_SUITE_P(
    Lines, RequestIsRefused,
    testing::Values(
        Refusal{"nothing", ""}, Refusal{"an empty line", "\r\n"}, Refusal{"two empty lines", "\r\n\r\n"},
        Refusal{"an empty line first", "\r\n" + get({})}, Refusal{"bare LF", "GET / HTTP/1.1\nHost: x\n\n"},
        Refusal{"one bare LF", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"},
        Refusal{"a bare LF behind the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n"},
        Refusal{"a bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: x\r\n\r\n"},
        Refusal{"a bare CR in a value", get({"A: b\rc"})}, Refusal{"a bare CR before a name", get({"\rA: b"})},
        Refusal{"a folded header", get({"A: b\r\n c"})}, Refusal{"a folded header, by tab", get({"A: b\r\n\tc"})},
        Refusal{"a NUL in a value", get({"A: b\0c"s})}, Refusal{"a NUL in a name", get({"A\0: b"s})},
        Refusal{"a DEL in a value", get({"A: b\x7f"})}, Refusal{"an escape in a value", get({"A: \x1b[1m"})},
        Refusal{"no colon", get({"Abc"})}, Refusal{"no name", get({": b"})}, Refusal{"a blank name", get({" : b"})},
        Refusal{"a blank in a name", get({"A b: c"})}, Refusal{"a blank before a name", get({" A: c"})},
        Refusal{"a non-ASCII name", get({"\xc3\x84: c"})}, Refusal{"a bracket in a name", get({"A(b): c"})},
        Refusal{"no Host", "GET / HTTP/1.1\r\n\r\n"}, Refusal{"two Hosts", get({"Host: y"})},
        Refusal{"two Hosts, folded", get({"HOST: x"})},
        Refusal{"something behind the head", get({}) + "GET / HTTP/1.1\r\n"},
        Refusal{"no end of the head", "GET / HTTP/1.1\r\nHost: x\r\n"},
        Refusal{"100 headers and Host", get({lines(100)}), 431}));

INSTANTIATE_TEST_SUITE_P(
    RequestLine, RequestIsRefused,
    testing::Values(
        Refusal{"two blanks", request("GET  / HTTP/1.1")},
        Refusal{"two blanks before the version", request("GET /  HTTP/1.1")},
        Refusal{"a blank first", request(" GET / HTTP/1.1")},
        Refusal{"a blank in the target", request("GET /a b HTTP/1.1")},
        Refusal{"a blank last", request("GET / HTTP/1.1 ")}, Refusal{"tabs", request("GET\t/\tHTTP/1.1")},
        Refusal{"no target", request("GET HTTP/1.1")}, Refusal{"an empty target", request("GET  HTTP/1.1")},
        Refusal{"no version", request("GET /")}, Refusal{"a word", request("GET")},
        Refusal{"lower case", request("get / HTTP/1.1")}, Refusal{"mixed case", request("Get / HTTP/1.1")},
        Refusal{"a digit in the method", request("GE7 / HTTP/1.1")},
        Refusal{"a NUL in the target", request("GET /a\0b HTTP/1.1"s)},
        Refusal{"a control character in the target", request("GET /a\x01 HTTP/1.1")},
        Refusal{"a non-ASCII target", request("GET /\xc3\xa4 HTTP/1.1")},
        Refusal{"HTTP/1.9", request("GET / HTTP/1.9"), 505}, Refusal{"HTTP/0.9", request("GET / HTTP/0.9"), 505},
        Refusal{"HTTP/2.0", request("GET / HTTP/2.0"), 505}, Refusal{"HTTP/1.10", request("GET / HTTP/1.10"), 505},
        Refusal{"HTTP/11", request("GET / HTTP/11"), 505}, Refusal{"http/1.1", request("GET / http/1.1"), 505},
        Refusal{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\n", 505}));

struct Accepted {
    const char* name;
    std::string text;
    Framing framing = Framing::none;
    std::uint64_t length = 0;
    bool keep_alive = true;
    bool upgrade = false;
    bool expects_continue = false;
};

void PrintTo(const Accepted& each, std::ostream* out)
{
    *out << each.name;
}

class RequestIsRead : public testing::TestWithParam<Accepted> {};

TEST_P(RequestIsRead, WithItsOneMeaning)
{
    const Accepted& wanted = GetParam();
    const auto head = parse_request(wanted.text);
    ASSERT_TRUE(head) << wanted.name << ": " << head.error().message;
    EXPECT_EQ(head->framing, wanted.framing) << wanted.name;
    EXPECT_EQ(head->length, wanted.length) << wanted.name;
    EXPECT_EQ(head->keep_alive, wanted.keep_alive) << wanted.name;
    EXPECT_EQ(head->upgrade, wanted.upgrade) << wanted.name;
    EXPECT_EQ(head->expects_continue, wanted.expects_continue) << wanted.name;
}

INSTANTIATE_TEST_SUITE_P(
    Heads, RequestIsRead,
    testing::Values(
        Accepted{"plain", get({})}, Accepted{"no body", post({"Content-Length: 0"})},
        Accepted{"a length", post({"Content-Length: 5"}), Framing::length, 5},
        Accepted{"leading zeros", post({"Content-Length: 0005"}), Framing::length, 5},
        Accepted{"blanks around a length", post({"Content-Length: \t 5 \t"}), Framing::length, 5},
        Accepted{"18 digits", post({"Content-Length: 999999999999999999"}), Framing::length, 999999999999999999},
        Accepted{"a name in capitals", post({"CONTENT-LENGTH: 5"}), Framing::length, 5},
        Accepted{"chunks", post({"Transfer-Encoding: chunked"}), Framing::chunked},
        Accepted{"a tab before chunked", post({"transfer-encoding:\tchunked"}), Framing::chunked},
        Accepted{"an empty value", get({"A:"})}, Accepted{"bytes above ASCII in a value", get({"A: \xc3\xa4"})},
        Accepted{"99 headers and Host", get({lines(99)})},
        Accepted{"close", get({"Connection: close"}), Framing::none, 0, false},
        Accepted{"close in a list", get({"Connection: x, CLOSE"}), Framing::none, 0, false},
        Accepted{"not close", get({"Connection: closed"})},
        Accepted{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", Framing::none, 0, false},
        Accepted{"HTTP/1.0 kept", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"},
        Accepted{"an upgrade", post({"Connection: Upgrade", "Upgrade: tcp"}), Framing::none, 0, true, true},
        Accepted{"an upgrade in a list", post({"Connection: keep-alive, upgrade", "Upgrade: tcp"}), Framing::none, 0,
                 true, true},
        Accepted{"Upgrade alone", post({"Upgrade: tcp"})}, Accepted{"Connection alone", post({"Connection: Upgrade"})},
        Accepted{"an expectation", post({"Content-Length: 5", "Expect: 100-Continue"}), Framing::length, 5, true, false,
                 true},
        Accepted{"an expectation without a body", post({"Expect: 100-continue"})}));

TEST(Request, HasItsPartsAsSent)
{
    auto parsed = parse_request("PUT /v1.41/x?a=b HTTP/1.1\r\nHost: docker\r\nX-Registry-Auth:  e30= \r\nx: y\r\n\r\n");
    ASSERT_TRUE(parsed);
    const RequestHead head = std::move(*parsed);  // views survive a move
    EXPECT_EQ(head.method, "PUT");
    EXPECT_EQ(head.target, "/v1.41/x?a=b");
    EXPECT_EQ(head.minor, 1);
    ASSERT_EQ(head.headers.size(), 3U);
    EXPECT_EQ(head.headers[2].name, "x");
    EXPECT_EQ(head.header("x-registry-auth"), "e30=");
    EXPECT_EQ(head.header("absent"), "");
}

struct Answer {
    const char* name;
    std::string text;
    std::optional<Framing> framing;  ///< nullopt: refused
    bool to_head = false;
    bool keep_alive = true;
};

void PrintTo(const Answer& each, std::ostream* out)
{
    *out << each.name;
}

class ResponseIs : public testing::TestWithParam<Answer> {};

TEST_P(ResponseIs, ReadAsStrictlyAsARequest)
{
    const Answer& wanted = GetParam();
    const auto head = parse_response(wanted.text, wanted.to_head);
    ASSERT_EQ(head.has_value(), wanted.framing.has_value()) << wanted.name;
    if (!head) return;
    EXPECT_EQ(head->framing, *wanted.framing) << wanted.name;
    EXPECT_EQ(head->keep_alive, wanted.keep_alive) << wanted.name;
}

std::string ok(const std::string& headers)
{
    return "HTTP/1.1 200 OK\r\n" + headers + "\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Heads, ResponseIs,
    testing::Values(Answer{"a length", ok("Content-Length: 5\r\n"), Framing::length},
                    Answer{"length 0", ok("Content-Length: 0\r\n"), Framing::none},
                    Answer{"chunks", ok("Transfer-Encoding: chunked\r\n"), Framing::chunked},
                    Answer{"neither", ok(""), Framing::until_close, false, false},
                    Answer{"close", ok("Content-Length: 5\r\nConnection: close\r\n"), Framing::length, false, false},
                    Answer{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Framing::length, false, false},
                    Answer{"to HEAD", ok("Content-Length: 5\r\n"), Framing::none, true},
                    Answer{"to HEAD, chunked", ok("Transfer-Encoding: chunked\r\n"), Framing::none, true},
                    Answer{"204", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Framing::none},
                    Answer{"304", "HTTP/1.1 304 Not Modified\r\n\r\n", Framing::none},
                    Answer{"101", "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
                           Framing::none},
                    Answer{"no reason", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", Framing::length},
                    Answer{"a blank reason", "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n", Framing::length},
                    Answer{"a length and chunks", ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), {}},
                    Answer{"two lengths", ok("Content-Length: 5\r\nContent-Length: 5\r\n"), {}},
                    Answer{"another coding", ok("Transfer-Encoding: gzip\r\n"), {}},
                    Answer{"a folded header", ok("A: b\r\n c\r\n"), {}}, Answer{"a NUL", ok("A: \0\r\n"s), {}},
                    Answer{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", {}},
                    Answer{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", {}}, Answer{"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", {}},
                    Answer{"no HTTP", "SSH-2.0-OpenSSH_9\r\n\r\n", {}}, Answer{"an empty head", "\r\n", {}},
                    Answer{"no status", "HTTP/1.1\r\n\r\n", {}}, Answer{"two digits", "HTTP/1.1 20 OK\r\n\r\n", {}},
                    Answer{"four digits", "HTTP/1.1 2000 OK\r\n\r\n", {}},
                    Answer{"a sign", "HTTP/1.1 -20 OK\r\n\r\n", {}}, Answer{"a plus", "HTTP/1.1 +20 OK\r\n\r\n", {}},
                    Answer{"099", "HTTP/1.1 099 OK\r\n\r\n", {}},
                    Answer{"two blanks", "HTTP/1.1  200 OK\r\n\r\n", {}}));

/// The body that the reader finds in `pieces`; nullopt when it is broken. `rest`: what follows the body.
struct Chunks {
    std::optional<std::string> body;
    std::string rest;
    bool done = false;
};

Chunks read_chunks(const std::vector<std::string>& pieces)
{
    ChunkReader reader;
    Chunks result{"", "", false};
    std::string buffer;
    for (const std::string& piece : pieces) {
        buffer += piece;
        for (bool more = true; more && !result.done;) {
            const ChunkReader::Step step = reader.step(buffer);
            if (step.broken) return {std::nullopt, "", false};
            result.body->append(step.payload);
            result.done = step.done;
            more = !step.payload.empty();
            buffer.erase(0, step.used);
        }
    }
    result.rest = buffer;
    return result;
}

struct Stream {
    const char* name;
    std::string text;
    std::optional<std::string> body;
    std::string rest = {};

    void PrintTo(const Stream& each, std::ostream* out) { *out << each.name; }
};

class ChunkStream : public testing::TestWithParam<Stream> {};

void expect_read(const Stream& wanted, const Chunks& chunks, std::size_t cut)
{
    EXPECT_EQ(chunks.body, wanted.body) << wanted.name << ", split at " << cut;
    if (!wanted.body) return;
    EXPECT_TRUE(chunks.done) << wanted.name << ", split at " << cut;
    EXPECT_EQ(chunks.rest, wanted.rest) << wanted.name << ", split at " << cut;
}

TEST_P(ChunkStream, MeansTheSameWhereverItIsSplit)
{
    const Stream& stream = GetParam();
    expect_read(stream, read_chunks({stream.text}), 0);
    for (std::size_t cut = 1; cut < stream.text.size() && cut < 600; ++cut)
        expect_read(stream, read_chunks({stream.text.substr(0, cut), stream.text.substr(cut)}), cut);
    std::vector<std::string> bytes;
    for (const char byte : stream.text) bytes.emplace_back(1, byte);
    expect_read(stream, read_chunks(bytes), stream.text.size());
}

TEST_P(ChunkStream, IsNotDoneBeforeItsLastByte)
{
    const Stream& stream = GetParam();
    if (!stream.body) return;
    const std::size_t size = stream.text.size() - stream.rest.size();
    for (std::size_t cut = 0; cut < size; ++cut) {
        const Chunks chunks = read_chunks({stream.text.substr(0, cut)});
        ASSERT_TRUE(chunks.body) << stream.name << " at " << cut;
        EXPECT_FALSE(chunks.done) << stream.name << " at " << cut;
        EXPECT_TRUE(stream.body->starts_with(*chunks.body)) << stream.name << " at " << cut;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Bodies, ChunkStream,
    testing::Values(
        Stream{"empty", "0\r\n\r\n", ""}, Stream{"one", "3\r\nabc\r\n0\r\n\r\n", "abc"},
        Stream{"two", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"},
        Stream{"CRLF within", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
        Stream{"what looks like the end", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"},
        Stream{"more behind", "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "a", "GET / HTTP/1.1\r\n"},
        Stream{"hexadecimal", "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a"},
        Stream{"leading zeros", "0000000003\r\nabc\r\n000\r\n\r\n", "abc"},
        Stream{"extensions", "3;a;b=c;d=\"e\"\r\nabc\r\n0;f\r\n\r\n", "abc"},
        Stream{"white space behind the size", "3 \t\r\nabc\r\n0 \r\n\r\n", "abc"},
        Stream{"white space before an extension", "3 ;a\r\nabc\r\n0\r\n\r\n", "abc"},
        Stream{"trailers", "1\r\na\r\n0\r\nA: b\r\nContent-Length: 9\r\n\r\n", "a"},
        Stream{"a trailer that looks like a request", "0\r\nGET / HTTP/1.1\r\n\r\n", ""},
        Stream{"bare LF", "3\nabc\n0\n\n", {}}, Stream{"bare LF behind the data", "3\r\nabc\n0\r\n\r\n", {}},
        Stream{"no CRLF behind the data", "3\r\nabc0\r\n\r\n", {}},
        Stream{"a longer chunk", "2\r\nabc\r\n0\r\n\r\n", {}}, Stream{"a shorter chunk", "4\r\nabc\r\n0\r\n\r\n", {}},
        Stream{"0x", "0x3\r\nabc\r\n0\r\n\r\n", {}}, Stream{"a plus", "+3\r\nabc\r\n0\r\n\r\n", {}},
        Stream{"a minus", "-3\r\nabc\r\n0\r\n\r\n", {}}, Stream{"a blank first", " 3\r\nabc\r\n0\r\n\r\n", {}},
        Stream{"no size", "\r\nabc\r\n0\r\n\r\n", {}}, Stream{"an extension alone", ";a\r\nabc\r\n0\r\n\r\n", {}},
        Stream{"no number", "xyz\r\nabc\r\n", {}}, Stream{"a letter behind the number", "3g\r\nabc\r\n0\r\n\r\n", {}},
        Stream{"two numbers", "3 3\r\nabc\r\n0\r\n\r\n", {}}, Stream{"2^64", "10000000000000000\r\na", {}},
        Stream{"16 digits", "ffffffffffffffff\r\na", {}}, Stream{"a NUL", "3;\0\r\nabc\r\n0\r\n\r\n"s, {}},
        Stream{"a bare CR", "3;a\rb\r\nabc\r\n0\r\n\r\n", {}},
        Stream{"a size line without end", "3;" + std::string(300, 'a'), {}},
        Stream{"a long size line", "3;" + std::string(300, 'a') + "\r\nabc\r\n0\r\n\r\n", {}},
        Stream{"a trailer with a bare LF", "0\r\nA: b\n\r\n", {}}, Stream{"an end with a bare LF", "0\r\n\n", {}},
        Stream{"a trailer without end", "0\r\nA: " + std::string(9000, 'b'), {}}));

TEST(Chunks, WithEndlessTrailersAreBroken)
{
    std::string text = "0\r\n";
    for (int line = 0; line < 2000; ++line) text += "A: bbbb\r\n";
    EXPECT_FALSE(read_chunks({text}).body);
}

TEST(HeadLength, IsKnownWithTheLastByteOfTheHeadAndNotBefore)
{
    const std::string text = post({"Content-Length: 5", "A: b"});
    for (std::size_t size = 0; size < text.size(); ++size) EXPECT_EQ(head_length(text.substr(0, size)), 0U) << size;
    EXPECT_EQ(head_length(text), text.size());
    EXPECT_EQ(head_length(text + "hello\r\n\r\n"), text.size());
}

TEST(HeadLength, HandsABareLineEndToTheParser)
{
    const std::string text = "GET / HTTP/1.1\nHost: x\n\nrest";
    EXPECT_EQ(head_length(text), text.size() - 4);
    EXPECT_FALSE(parse_request(text.substr(0, head_length(text))));
}

TEST(HeadLength, FindsTheSameRefusalWhereverTheBytesAreSplit)
{
    const std::string text = "GET / HTTP/1.1\r\nHost: x\n\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        const std::size_t length = head_length(text.substr(0, size));
        if (length == 0) continue;
        EXPECT_FALSE(parse_request(text.substr(0, length))) << size;
    }
}

TEST(HeadWriter, WritesWhatTheParserReads)
{
    HeadWriter sent = HeadWriter::request("POST", "/v1.41/x?a=b");
    sent.add("Content-Type", "application/json").add("Content-Length", std::uint64_t{7});
    const std::string text = std::move(sent).finish();
    EXPECT_EQ(
        text,
        "POST /v1.41/x?a=b HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n");
    const auto request = parse_request(text);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->length, 7U);

    HeadWriter answer = HeadWriter::response(404);
    answer.add("Content-Length", std::uint64_t{0});
    const auto response = parse_response(std::move(answer).finish(), false);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 404);
}

}  // namespace
}  // namespace broker
