#include "tests/broker/http2/peers.h"

// What a reset, by whichever side, does to those who wait; and what is answered with one.
namespace broker {
namespace {

/// A server that resets each stream with that code, once it has its head.
Serve resets_with(std::uint32_t code)
{
    return [code](std::shared_ptr<Http2Stream> stream) -> Task<> {
        co_await pause(1ms);
        stream->reset(code);
        co_await stream->over();
    };
}

TEST(AReset, WakesWhoeverWaits)
{
    Peers peers(resets_with(enhance_your_calm));
    const auto talk = [&]() -> Task<> {
        const auto first = peers.client.open(a_head);
        const int at_head = co_await code_of(first->head_arrived());
        EXPECT_EQ(at_head, enhance_your_calm);
        const auto second = peers.client.open(a_head);
        const auto read = [](std::shared_ptr<Http2Stream> stream) -> Task<> { co_await stream->read(); };
        const int at_read = co_await code_of(read(second));
        EXPECT_EQ(at_read, enhance_your_calm);
        const auto third = peers.client.open(a_head);
        const std::string text(1 << 20, 'x');
        const int at_write = co_await code_of(third->write(text));
        EXPECT_EQ(at_write, enhance_your_calm);
        const int at_end = co_await code_of(third->end());
        EXPECT_EQ(at_end, enhance_your_calm);
        const auto fourth = peers.client.open(a_head);
        co_await fourth->over();
        EXPECT_FALSE(peers.client.is_over()) << "the stream alone";
    };
    peers.run(talk());
}

TEST(AReset, OfTheClientsWakesItsServer)
{
    std::vector<int> codes;
    const auto serve = [&](std::shared_ptr<Http2Stream> stream) -> Task<> {
        const auto read = [&]() -> Task<> { co_await all_of(*stream); };
        const int code = co_await code_of(read());
        codes.push_back(code);
    };
    Peers peers(serve);
    const auto talk = [&]() -> Task<> {
        {
            const auto dropped = peers.client.open(a_head);
            co_await dropped->write("x");
        }
        const auto stream = peers.client.open(a_head);
        co_await stream->write("x");
        stream->reset(enhance_your_calm);
        co_await stream->over();
        while (codes.size() < 2) co_await pause(1ms);
        EXPECT_EQ(codes, (std::vector<int>{cancel, enhance_your_calm}));
    };
    peers.run(talk());
}

TEST(AReset, WakesAServerThatWrites)
{
    std::vector<int> codes;
    const std::string text(1 << 20, 'x');
    const auto serve = [&](std::shared_ptr<Http2Stream> stream) -> Task<> {
        stream->answer(an_answer);
        const int code = co_await code_of(stream->write(text));
        codes.push_back(code);
    };
    Peers peers(serve);
    const auto talk = [&]() -> Task<> {
        {
            const auto stream = peers.client.open(a_head);
            co_await stream->head_arrived();
        }
        while (codes.empty()) co_await pause(1ms);
        EXPECT_EQ(codes[0], cancel);
    };
    peers.run(talk());
}

Http2Fields many_fields(int count)
{
    Http2Fields fields;
    for (int at = 0; at < count; ++at) fields.push_back({"x" + std::to_string(at), "v"});
    return fields;
}

/// What becomes of a request with these fields behind its head's own, and with these trailers; then of a plain one.
void expect_one_reset(const Http2Fields& more, const Http2Fields& trailers)
{
    Peers peers(echo);
    const auto talk = [&]() -> Task<> {
        Http2Fields head = a_head;
        head.insert(head.end(), more.begin(), more.end());
        const auto stream = peers.client.open(head);
        const auto call = [&]() -> Task<> {
            co_await stream->write("hello");
            co_await stream->end(trailers);
            co_await all_of(*stream);
        };
        const int code = co_await code_of(call());
        EXPECT_EQ(code, internal_error);
        const auto plain = peers.client.open(a_head);
        co_await plain->write("hello", true);
        const std::string echoed = co_await all_of(*plain);
        EXPECT_EQ(echoed, "hello");
    };
    peers.run(talk());
}

TEST(Fields, TooManyOrTooLongResetTheirStreamAlone)
{
    const Http2Fields long_one = {{"x", std::string(16 * 1024, 'v')}};
    expect_one_reset(many_fields(100), {});
    expect_one_reset(long_one, {});
    expect_one_reset({}, many_fields(101));
    expect_one_reset({}, long_one);
}

TEST(Fields, AsManyAsThereMayBeAreTaken)
{
    Peers peers(echo);
    const auto talk = [&]() -> Task<> {
        Http2Fields head = a_head;
        for (const auto& each : many_fields(static_cast<int>(100 - a_head.size()))) head.push_back(each);
        head.back().value = std::string(15 * 1024, 'v');
        const auto stream = peers.client.open(head);
        co_await stream->write("hello", true);
        const std::string echoed = co_await all_of(*stream);
        EXPECT_EQ(echoed, "hello");
    };
    peers.run(talk());
}

TEST(Fields, AnAnswerWithFieldsThatCannotBeSentIsAReset)
{
    const std::string text(100 * 1024, 'v');  // more than we send in one head
    for (const bool in_trailers : {false, true}) {
        const auto serve = [&](std::shared_ptr<Http2Stream> stream) -> Task<> {
            if (!in_trailers) {
                stream->answer({{":status", "200"}, {"grpc-message", text}}, true);
                co_return;
            }
            stream->answer(an_answer);
            co_await stream->end({{"grpc-message", text}});
        };
        Peers peers(serve);
        const auto talk = [&]() -> Task<> {
            const auto stream = peers.client.open(a_head);
            co_await stream->end();
            const auto read = [&]() -> Task<> { co_await all_of(*stream); };
            const int code = co_await code_of(read());
            EXPECT_EQ(code, internal_error) << "not an answer for which the client waits for ever";
        };
        peers.run(talk());
    }
}

TEST(Fields, ARequestWithFieldsThatCannotBeSentIsOver)
{
    Peers peers(echo);
    const auto talk = [&]() -> Task<> {
        Http2Fields head = a_head;
        head.push_back({"x", std::string(100 * 1024, 'v')});
        const auto stream = peers.client.open(head);
        const int code = co_await code_of(stream->head_arrived());
        EXPECT_NE(code, -1);
    };
    peers.run(talk());
}

}  // namespace
}  // namespace broker
