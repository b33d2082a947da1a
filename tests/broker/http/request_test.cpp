#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "broker/http/http.h"
#include "tests/broker/http/heads.h"

namespace broker {
namespace {

using namespace std::string_literals;

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
        Refusal{"two content types", post({"Content-Type: a/b", "Content-Type: a/b"})},
        Refusal{"a quoted connection option", get({"Connection: \"a, close, b\""})},
        Refusal{"connection options without a comma", get({"Connection: keep-alive close"})},
        Refusal{"a connection option with a parameter", get({"Connection: close;a=b"})}));

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
        Accepted{"close in one of two headers", get({"Connection: close", "Connection: x"}), Framing::none, 0, false},
        Accepted{"an empty list", get({"Connection: , ,"})},
        Accepted{"HTTP/1.0 kept in one of two headers", "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: x\r\n\r\n"},
        Accepted{"HTTP/1.0 kept and closed", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", Framing::none, 0, false},
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

}  // namespace
}  // namespace broker
