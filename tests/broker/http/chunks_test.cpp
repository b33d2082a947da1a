#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "broker/http/http.h"

namespace broker {
namespace {

using namespace std::string_literals;

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
        Stream{"a long trailer", "0\r\nA: " + std::string(5000, 'b') + "\r\n\r\n", ""},
        Stream{"a trailer that looks like a request", "0\r\nGET / HTTP/1.1\r\n\r\n", {}},
        Stream{"a trailer without a colon", "0\r\nA\r\n\r\n", {}}, Stream{"a folded trailer", "0\r\nA: b\r\n c\r\n\r\n", {}},
        Stream{"a trailer with a NUL", "0\r\nA: \0\r\n\r\n"s, {}}, Stream{"a trailer with a bare CR", "0\r\nA: b\rc\r\n\r\n", {}},
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

}  // namespace
}  // namespace broker
