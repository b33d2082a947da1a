#include "broker/http2/connection.h"

#include "tests/broker/http2/peers.h"

namespace broker {
namespace {

/// Text of that length in which each place tells where it is.
std::string long_text(std::size_t size)
{
    std::string text;
    for (std::size_t at = 0; text.size() < size; ++at) text += std::to_string(at) + ",";
    text.resize(size);
    return text;
}

TEST(Http2, CarriesMoreThanItsWindowsBothWays)
{
    Peers peers(echo);
    const std::string sent = long_text(std::size_t{5} << 20);
    const auto talk = [&]() -> Task<> {
        const auto stream = peers.client.open(a_head);
        const auto write = [](std::shared_ptr<Http2Stream> to, std::string_view text) -> Task<> {
            co_await to->write(text);
            co_await to->end({{"last", "words"}});
        };
        peers.begin(write(stream, sent));
        co_await stream->head_arrived();
        EXPECT_EQ(stream->head(), an_answer);
        const std::string arrived = co_await all_of(*stream);
        EXPECT_TRUE(arrived == sent);
        EXPECT_EQ(stream->trailers(), (Http2Fields{{"last", "words"}, {"echoed", "yes"}}));
        co_await stream->over();
    };
    peers.run(talk());
}

TEST(Http2, WhatIsNotReadIsNotMadeRoomFor)
{
    std::shared_ptr<Http2Stream> held;
    Wakeup* to_hold = nullptr;
    const auto hold_or_echo = [&](std::shared_ptr<Http2Stream> stream) -> Task<> {
        if (held) {
            co_await echo(std::move(stream));
            co_return;
        }
        held = std::move(stream);
        to_hold->wake();
    };
    Peers peers(hold_or_echo);
    Wakeup holds(peers.io.get_executor());
    to_hold = &holds;
    std::size_t written = 0;
    constexpr std::size_t piece = 16 * 1024, whole = std::size_t{2} << 20;
    const auto write = [&]() -> Task<> {
        const std::string text(piece, 'x');
        const auto stream = peers.client.open(a_head);
        for (; written < whole; written += piece) co_await stream->write(text);
        co_await stream->end();
        held->answer(an_answer, true);
        co_await stream->head_arrived();
    };
    const auto talk = [&]() -> Task<> {
        peers.begin(write());
        co_await holds.wait();
        // What has come through on another stream came behind all that could go.
        for (int round = 0; round < 10; ++round) {
            const auto other = peers.client.open(a_head);
            co_await other->write("hello", true);
            const std::string echoed = co_await all_of(*other);
            EXPECT_EQ(echoed, "hello");
        }
        EXPECT_GE(written, 256u * 1024 - piece);
        EXPECT_LE(written, 256u * 1024 + piece) << "the window of one stream";
        const std::string all = co_await all_of(*held);
        EXPECT_EQ(all.size(), whole);
        EXPECT_EQ(written, whole);
    };
    peers.run(talk());
    held.reset();
}

TEST(Http2, StreamsThatNobodyReadsTakeNothingOfTheOthers)
{
    int dropped = 0;
    const auto drop_or_echo = [&](std::shared_ptr<Http2Stream> stream) -> Task<> {
        if (++dropped > 20)
            co_await echo(std::move(stream));
        else
            co_await pause(1ms);  // for some bytes to arrive
    };
    Peers peers(drop_or_echo);
    const std::string text(200 * 1024, 'x');  // 20 of it are more than the window of the connection
    const auto talk = [&]() -> Task<> {
        for (int round = 0; round < 20; ++round) {
            const auto stream = peers.client.open(a_head);
            const int code = co_await code_of(stream->write(text));
            if (code != -1) EXPECT_EQ(code, cancel);
            co_await stream->over();
        }
        const auto stream = peers.client.open(a_head);
        const auto write = [](std::shared_ptr<Http2Stream> to, std::string_view all) -> Task<> { co_await to->write(all, true); };
        peers.begin(write(stream, text));
        const std::string echoed = co_await all_of(*stream);
        EXPECT_TRUE(echoed == text);
    };
    peers.run(talk());
}

TEST(Http2, AnAnswerMayEndBeforeItsRequest)
{
    const std::string text = long_text(1 << 20);
    const auto serve = [&](std::shared_ptr<Http2Stream> stream) -> Task<> {
        stream->answer(an_answer);
        co_await stream->write(text);
        co_await stream->end({{"grpc-status", "0"}});
    };
    Peers peers(serve);
    const auto talk = [&]() -> Task<> {
        const auto stream = peers.client.open(a_head);
        co_await stream->write("the beginning");
        const std::string answer = co_await all_of(*stream);
        EXPECT_TRUE(answer == text) << "whole, before the reset that says that no more is wanted";
        EXPECT_EQ(stream->trailers(), (Http2Fields{{"grpc-status", "0"}}));
        co_await stream->over();
        co_await stream->end();  // the peer did without
        const int code = co_await code_of(stream->write("more"));
        EXPECT_EQ(code, no_error);
    };
    peers.run(talk());
}

TEST(Http2, AnAnswerMayBeAHeadAlone)
{
    const auto serve = [](std::shared_ptr<Http2Stream> stream) -> Task<> {
        stream->answer({{":status", "200"}, {"grpc-status", "5"}}, true);
        stream->answer(an_answer);  // too late: it has no second one
        EXPECT_TRUE(stream->has_answered());
        co_return;
    };
    Peers peers(serve);
    const auto talk = [&]() -> Task<> {
        for (const bool ended : {true, false}) {
            const auto stream = peers.client.open(a_head);
            if (ended) co_await stream->end();
            co_await stream->head_arrived();
            EXPECT_EQ(value_of(stream->head(), "grpc-status"), "5");
            const std::string body = co_await all_of(*stream);
            EXPECT_EQ(body, "");
            co_await stream->over();
        }
    };
    peers.run(talk());
}

TEST(Http2, AnInterimAnswerIsNone)
{
    // By hand: SETTINGS, 103 without an end, 200 with one.
    Ends ends;
    Wire wire(Ends::transport(ends.near));
    Http2Connection client(wire, Http2Connection::Role::client, ends.io.get_executor());
    const auto frame = [](std::string payload, char type, char flags, char stream) {
        const char head[9] = {0, 0, static_cast<char>(payload.size()), type, flags, 0, 0, 0, stream};
        return std::string(head, 9) + payload;
    };
    const auto talk = [&]() -> Task<> {
        ends.begin(client.run());
        const auto stream = client.open(a_head);
        co_await stream->write("x", true);
        const std::string answer = frame("", 4, 0, 0) + frame(std::string("\x08\x03") + "103", 1, 4, 1) + frame("\x88", 1, 5, 1);
        asio::write(ends.far, asio::buffer(answer));
        co_await stream->head_arrived();
        EXPECT_EQ(stream->head(), an_answer);
        co_await stream->over();
    };
    ends.run(talk());
}

TEST(Http2, MoreStreamsThanThePeerTakesWait)
{
    Peers peers(echo, {.streams = 2});
    const auto talk = [&]() -> Task<> {
        std::vector<std::shared_ptr<Http2Stream>> streams;
        {
            const auto first = peers.client.open(a_head);  // behind it the peer's settings are known
            co_await first->write("x", true);
            co_await all_of(*first);
        }
        for (int at = 0; at < 5; ++at) streams.push_back(peers.client.open(a_head));
        for (auto& each : streams) {
            co_await each->write("hello", true);
            const std::string echoed = co_await all_of(*each);
            EXPECT_EQ(echoed, "hello");
        }
    };
    peers.run(talk());
}

TEST(Http2, AConnectionThatEndsEndsItsStreams)
{
    const auto wait = [](std::shared_ptr<Http2Stream> stream) -> Task<> { co_await stream->over(); };
    Peers peers(wait);
    const auto talk = [&]() -> Task<> {
        const auto stream = peers.client.open(a_head);
        const auto close = [&]() -> Task<> {
            co_await pause(10ms);
            peers.server_wire.close();
        };
        peers.begin(close());
        const int code = co_await code_of(stream->head_arrived());
        EXPECT_EQ(code, connect_error);
        EXPECT_TRUE(stream->is_over());
        EXPECT_TRUE(peers.client.is_over());
        EXPECT_THROW(peers.client.open(a_head), StreamGone);
        const int written = co_await code_of(stream->write("x"));
        EXPECT_EQ(written, connect_error);
        stream->reset(cancel);  // of nothing
    };
    peers.run(talk());
}

TEST(Http2, AStreamOutlivesItsConnection)
{
    std::shared_ptr<Http2Stream> stream;
    Ends ends;
    {
        Wire wire(Ends::transport(ends.near));
        Http2Connection client(wire, Http2Connection::Role::client, ends.io.get_executor());
        stream = client.open(a_head);
        client.finish();
        EXPECT_TRUE(stream->is_over());
    }
    const auto talk = [&]() -> Task<> {
        const int code = co_await code_of(stream->end());
        EXPECT_EQ(code, connect_error);
    };
    ends.run(talk());
    stream.reset();
}

/// What a server answers to these bytes, which break the protocol.
std::string answer_to(const std::string& bytes)
{
    Ends ends;
    Wire wire(Ends::transport(ends.near));
    int accepted = 0;
    Http2Connection server(wire, Http2Connection::Role::server, ends.io.get_executor(), {}, [&](std::shared_ptr<Http2Stream>) { ++accepted; });
    asio::write(ends.far, asio::buffer(bytes));
    ends.run(server.run());
    EXPECT_TRUE(server.is_over());
    EXPECT_EQ(accepted, 0);
    std::string answer(4096, '\0');
    answer.resize(ends.far.read_some(asio::buffer(answer)));
    return answer;
}

TEST(Http2, BytesOfAnotherProtocolEndIt)
{
    answer_to("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    // SETTINGS, and bytes of no stream.
    const std::string broken = answer_to(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\1\0\0\0\0\0\0x", 43));
    EXPECT_NE(broken.find('\x07'), broken.npos) << "GOAWAY says why";
}

TEST(Http2, AStreamThatCannotBeOpenedSaysSo)
{
    // GOAWAY, of no stream.
    Ends ends;
    Wire wire(Ends::transport(ends.near));
    Http2Connection client(wire, Http2Connection::Role::client, ends.io.get_executor());
    const std::string away(
        "\0\0\0\4\0\0\0\0\0"
        "\0\0\x08\7\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0",
        26);
    asio::write(ends.far, asio::buffer(away));
    const auto talk = [&]() -> Task<> {
        ends.begin(client.run());
        co_await pause(20ms);
        const auto try_one = [&]() -> Task<> {
            const auto stream = client.open(a_head);
            co_await stream->head_arrived();
        };
        const int code = co_await code_of(try_one());
        EXPECT_NE(code, -1);
    };
    ends.run(talk());
}

}  // namespace
}  // namespace broker
