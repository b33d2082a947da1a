#include "broker/http2/grpc.h"

#include "tests/broker/http2/peers.h"

namespace broker {
namespace {

std::string framed(const std::string& message, char flag = 0)
{
    const std::size_t size = message.size();
    std::string text(1, flag);
    for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(size >> shift & 0xff);
    return text + message;
}

/// What a reader made of a stream.
struct Read {
    std::vector<std::string> messages;
    std::optional<GrpcStatus> failed;
    int code() const { return failed ? static_cast<int>(failed->code) : -1; }
};

Task<> read_into(std::shared_ptr<Http2Stream> stream, Read& read, std::size_t limit)
{
    try {
        GrpcReader reader(*stream);
        while (auto message = co_await reader.next(limit)) read.messages.push_back(std::move(*message));
    } catch (const GrpcStatus& status) {
        read.failed = status;
    }
    stream->answer(grpc_answer(), true);
}

/// What a reader makes of these bytes, which arrive in such pieces.
Read read_of(const std::string& bytes, std::size_t piece = 1000000, std::size_t limit = 100)
{
    Read read;
    Peers peers([&](std::shared_ptr<Http2Stream> stream) -> Task<> { return read_into(std::move(stream), read, limit); });
    const auto talk = [&]() -> Task<> {
        const auto stream = peers.client.open(grpc_request("/a.B/C"));
        for (std::size_t at = 0; at < bytes.size() && !stream->is_over(); at += piece) {
            co_await code_of(stream->write(std::string_view(bytes).substr(at, piece)));
            if (piece < 10) co_await pause(0s);
        }
        co_await stream->end();
        co_await stream->head_arrived();
    };
    peers.run(talk());
    return read;
}

using Messages = std::vector<std::string>;

TEST(GrpcMessages, AreTheSameHoweverTheyArrive)
{
    const std::string bytes = framed("hello") + framed("") + framed("world") + framed(std::string(100, 'x'));
    for (const std::size_t piece : {1u, 2u, 3u, 5u, 7u, 11u, 1000u}) {
        const Read read = read_of(bytes, piece);
        EXPECT_EQ(read.messages, (Messages{"hello", "", "world", std::string(100, 'x')})) << piece;
        EXPECT_EQ(read.code(), -1);
    }
    EXPECT_EQ(read_of("").messages, Messages{});
    EXPECT_EQ(read_of(framed("")).messages, Messages{""});
}

TEST(GrpcMessages, ThatAreLongCrossTheWindows)
{
    const std::string message(std::size_t{3} << 20, 'm');
    const Read read = read_of(framed(message), 100000, message.size());
    ASSERT_EQ(read.messages.size(), 1u);
    EXPECT_TRUE(read.messages[0] == message);
}

TEST(GrpcMessages, ThatAreNoneEndTheCall)
{
    EXPECT_EQ(read_of(framed("hello", 1)).code(), static_cast<int>(GrpcCode::unimplemented)) << "compressed";
    EXPECT_EQ(read_of(framed("hello", 2)).code(), static_cast<int>(GrpcCode::unimplemented));
    EXPECT_EQ(read_of(framed(std::string(101, 'x'))).code(), static_cast<int>(GrpcCode::resource_exhausted));
    EXPECT_EQ(read_of(std::string("\0\xff\xff\xff\xff", 5)).code(), static_cast<int>(GrpcCode::resource_exhausted)) << "by its prefix alone";
    for (const std::string& cut : {std::string(1, '\0'), framed("hello").substr(0, 4), framed("hello").substr(0, 5), framed("hello").substr(0, 9)})
        EXPECT_EQ(read_of(cut).code(), static_cast<int>(GrpcCode::internal)) << cut.size();
    const Read behind = read_of(framed("hello") + framed("x", 1));
    EXPECT_EQ(behind.messages, Messages{"hello"});
    EXPECT_EQ(behind.code(), static_cast<int>(GrpcCode::unimplemented));
}

TEST(GrpcMessages, OneIsExpected)
{
    const auto only = [](const std::string& bytes) {
        int code = -1;
        std::string message;
        const auto serve = [&](std::shared_ptr<Http2Stream> stream) -> Task<> {
            try {
                GrpcReader reader(*stream);
                message = co_await reader.only(100);
            } catch (const GrpcStatus& status) {
                code = static_cast<int>(status.code);
            }
            stream->answer(grpc_answer(), true);
        };
        Peers peers(serve);
        const auto talk = [&]() -> Task<> {
            const auto stream = peers.client.open(grpc_request("/a.B/C"));
            co_await stream->write(bytes);
            co_await stream->end();
            co_await stream->head_arrived();
        };
        peers.run(talk());
        return code == -1 ? message : std::to_string(code);
    };
    EXPECT_EQ(only(framed("hello")), "hello");
    EXPECT_EQ(only(""), "13");
    EXPECT_EQ(only(framed("a") + framed("")), "13");
    EXPECT_EQ(only(framed("a") + framed("b")), "8") << "it is not even read";
}

TEST(GrpcMessages, AreWrittenAsTheyAreRead)
{
    Peers peers(echo);
    const auto talk = [&]() -> Task<> {
        const auto stream = peers.client.open(grpc_request("/a.B/C"));
        co_await write_message(*stream, std::string(70000, 'a'));
        co_await write_message(*stream, "", true);
        GrpcReader reader(*stream);
        auto message = co_await reader.next(70000);
        EXPECT_TRUE(message && *message == std::string(70000, 'a'));
        message = co_await reader.next(70000);
        EXPECT_TRUE(message && message->empty());
        message = co_await reader.next(70000);
        EXPECT_FALSE(message);
    };
    peers.run(talk());
}

/// The status as the client of a call sees it; `head`: with it in the head alone.
GrpcStatus seen(const GrpcStatus& given, bool head)
{
    const auto serve = [&](std::shared_ptr<Http2Stream> stream) -> Task<> {
        if (head) {
            answer_status(*stream, given);
            co_return;
        }
        stream->answer(grpc_answer());
        co_await write_message(*stream, "hello");
        co_await stream->end(trailers_of(given));
    };
    Peers peers(serve);
    GrpcStatus status;
    const auto talk = [&]() -> Task<> {
        const auto stream = peers.client.open(grpc_request("/a.B/C"));
        co_await stream->end();
        co_await all_of(*stream);
        status = status_of(*stream);
    };
    peers.run(talk());
    return status;
}

TEST(GrpcStatusOfACall, ComesAsItWasGiven)
{
    std::string all_bytes;
    for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
    for (const bool head : {false, true})
        for (const GrpcStatus& given :
             {GrpcStatus{}, GrpcStatus{GrpcCode::internal, "plain words"}, GrpcStatus{GrpcCode::unknown, "100% of\na \xc3\xbc line"},
              GrpcStatus{GrpcCode::not_found, " blanks around "}, GrpcStatus{static_cast<GrpcCode>(42), all_bytes, all_bytes},
              GrpcStatus{GrpcCode::internal, "%41", std::string(1, '\0')}, GrpcStatus{GrpcCode::ok, "", "d"}, GrpcStatus{GrpcCode::ok, "", "de"}}) {
            const GrpcStatus status = seen(given, head);
            EXPECT_EQ(status.code, given.code);
            EXPECT_EQ(status.message, given.message);
            EXPECT_EQ(status.details, given.details);
        }
}

/// The status that these trailers tell.
GrpcStatus told(const Http2Fields& trailers)
{
    Peers peers([&](std::shared_ptr<Http2Stream> stream) -> Task<> {
        stream->answer(grpc_answer());
        co_await stream->end(trailers);
    });
    GrpcStatus status;
    const auto talk = [&]() -> Task<> {
        const auto stream = peers.client.open(grpc_request("/a.B/C"));
        co_await all_of(*stream);
        status = status_of(*stream);
    };
    peers.run(talk());
    return status;
}

TEST(GrpcStatusOfACall, IsUnknownWhereNoneIsTold)
{
    EXPECT_EQ(told({}).code, GrpcCode::unknown);
    EXPECT_EQ(told({{"grpc-status", "x"}}).code, GrpcCode::unknown);
    EXPECT_EQ(told({{"grpc-status", "99999999999999999999"}}).code, GrpcCode::unknown);
    EXPECT_EQ(told({{"grpc-message", "no status"}}).code, GrpcCode::unknown);
}

TEST(GrpcStatusOfACall, OddEncodingsAreLetBe)
{
    const auto message = [](const std::string& text) { return told({{"grpc-status", "2"}, {"grpc-message", text}}).message; };
    EXPECT_EQ(message("a%20b%C3%bc"), "a b\xc3\xbc");
    EXPECT_EQ(message("%"), "%");
    EXPECT_EQ(message("%4"), "%4");
    EXPECT_EQ(message("%4g%-1%+1%0x"), "%4g%-1%+1%0x");
    EXPECT_EQ(message("%%41"), "%A");
    EXPECT_EQ(told({{"grpc-status", "2"}, {"grpc-status-details-bin", "no base64!"}}).details, "");
    EXPECT_EQ(told({{"grpc-status", "2"}, {"grpc-status-details-bin", "aGk="}}).details, "hi") << "with padding, too";
}

}  // namespace
}  // namespace broker
