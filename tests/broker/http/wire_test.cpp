#include "broker/http/wire.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

using broker::BodyReader;
using broker::Socket;
using broker::Task;
using broker::Wire;

struct Pair {
    Pair() : near(io.get_executor()), far(io.get_executor()) { boost::asio::local::connect_pair(near, far); }

    /// Runs `work`, which ends by itself.
    void run(Task<> work)
    {
        std::exception_ptr failure;
        boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr error) { failure = std::move(error); });
        io.run();
        if (failure) std::rethrow_exception(failure);
    }

    boost::asio::io_context io;
    Socket near;
    Socket far;
};

struct Body {
    std::vector<std::string> pieces;
    bool broken = false;
};

/// The pieces of a chunked body that has arrived as `bytes`.
Body pieces_of(const std::string& bytes)
{
    Pair pair;
    boost::asio::write(pair.far, boost::asio::buffer(bytes));
    pair.far.close();
    Wire wire(std::make_unique<broker::SocketTransport>(std::move(pair.near)));
    broker::Head head;
    head.framing = broker::Framing::chunked;
    Body body;
    const auto read = [&]() -> Task<> {
        BodyReader reader(wire, head);
        try {
            for (;;) {
                const std::string_view piece = co_await reader.next();
                if (piece.empty()) break;
                body.pieces.emplace_back(piece);
            }
        } catch (const broker::BadFraming&) {
            body.broken = true;
        }
    };
    pair.run(read());
    return body;
}

TEST(ABody, IsOnePieceOfAllChunksThatAreThere)
{
    const Body body = pieces_of("3\r\nabc\r\n1;x\r\nd\r\n2\r\nef\r\n0\r\n\r\n");
    EXPECT_EQ(body.pieces, (std::vector<std::string>{"abcdef"}));
    EXPECT_FALSE(body.broken);
}

TEST(ABody, IsReadUpToWhereItsFramingBreaks)
{
    const Body body = pieces_of("3\r\nabc\r\n2\r\nefg\r\n0\r\n\r\n");
    EXPECT_EQ(body.pieces, (std::vector<std::string>{"abcef"}));
    EXPECT_TRUE(body.broken);
}

TEST(AWire, NoticesThatItsPeerHasClosedWhileItIsRead)
{
    Pair pair;
    Wire wire(std::make_unique<broker::SocketTransport>(std::move(pair.near)));
    bool closed = false;
    std::string read;
    const auto watch = [&]() -> Task<> {
        co_await wire.closed_by_peer();
        closed = true;
    };
    const auto talk = [&]() -> Task<> {
        boost::asio::write(pair.far, boost::asio::buffer("hello", 5));
        co_await wire.fill();
        read = wire.buffered();
        EXPECT_FALSE(closed);
        pair.far.close();
    };
    boost::asio::co_spawn(pair.io, watch(), boost::asio::detached);
    pair.run(talk());
    EXPECT_EQ(read, "hello");
    EXPECT_TRUE(closed);
}

TEST(AWire, ThatIsClosedHereIsWatchedNoLonger)
{
    Pair pair;
    Wire wire(std::make_unique<broker::SocketTransport>(std::move(pair.near)));
    bool ended = false;
    const auto watch = [&]() -> Task<> {
        co_await wire.closed_by_peer();
        ended = true;
    };
    const auto close = [&]() -> Task<> {
        wire.close();
        co_return;
    };
    boost::asio::co_spawn(pair.io, watch(), boost::asio::detached);
    pair.run(close());
    EXPECT_TRUE(ended);
}

}  // namespace
