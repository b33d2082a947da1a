#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>

#include "broker/http/http.h"

namespace broker {
namespace {

using namespace std::string_literals;

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
                    Answer{"neither blank nor reason", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", {}},
                    Answer{"a NUL in the reason", "HTTP/1.1 200 O\0K\r\nContent-Length: 5\r\n\r\n"s, {}},
                    Answer{"bytes above ASCII in the reason", "HTTP/1.1 200 \xc3\xa4\r\nContent-Length: 5\r\n\r\n", Framing::length},
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

}  // namespace
}  // namespace broker
