#include "tests/broker/http2/peers.h"

// What a peer can make us hold.
namespace broker {
namespace {

std::string frame(const std::string& payload, char type, char flags, std::uint32_t stream)
{
    std::string text;
    for (const int shift : {16, 8, 0}) text += static_cast<char>(payload.size() >> shift & 0xff);
    text += type;
    text += flags;
    for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(stream >> shift & 0xff);
    return text + payload;
}

/// A connection that opens so many streams, and acknowledges nothing.
std::string many_streams(std::uint32_t count)
{
    std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame("", 4, 0, 0);
    const std::string head("\x83\x86\x84\x41\x01x", 6);  // POST, http, /, x
    for (std::uint32_t each = 0; each < count; ++each) bytes += frame(head, 1, 5, 2 * each + 1);
    return bytes;
}

TEST(APeerThatReadsNothing, IsNotReadEither)
{
    Ends ends;
    Wire wire(Ends::transport(ends.near));
    std::vector<std::shared_ptr<Http2Stream>> held;
    const auto hold = [&](std::shared_ptr<Http2Stream> stream) { held.push_back(std::move(stream)); };
    Http2Connection server(wire, Http2Connection::Role::server, ends.io.get_executor(), {}, hold);
    const std::string bytes = many_streams(300000);
    std::size_t written = 0;
    const auto write = [&]() -> Task<> {
        while (written < bytes.size()) {
            const auto [error, count] =
                co_await ends.far.async_write_some(asio::buffer(bytes.data() + written, bytes.size() - written), use_task_tuple);
            if (error) co_return;
            written += count;
        }
    };
    const auto talk = [&]() -> Task<> {
        ends.begin(server.run());
        ends.begin(write());
        std::size_t before = 0;
        do {
            before = written;
            co_await pause(50ms);
        } while (written > before);
        EXPECT_LT(written, bytes.size() / 2) << "each stream beyond the limit has an answer that waits";
        EXPECT_EQ(held.size(), 100u);
        std::string some(64 * 1024, '\0');
        while (written < bytes.size()) co_await ends.far.async_read_some(asio::buffer(some), use_task_tuple);  // from now on it reads
        EXPECT_FALSE(server.is_over());
    };
    ends.run(talk());
    held.clear();
}

}  // namespace
}  // namespace broker
