#include <algorithm>
#include <cstring>

#include "broker/http2/grpc.h"
#include "tests/fuzzing/target.h"

namespace fuzz {
namespace {

using namespace broker;

constexpr std::size_t message_max = 1000;

/// A peer that sends what it is given, in pieces, and takes whatever comes; then it is gone.
class Script final : public Transport {
public:
    Script(std::string bytes, std::size_t piece, std::size_t& written) : bytes_(std::move(bytes)), left_(bytes_), piece_(piece), written_(written) {}

    std::size_t read_now(asio::mutable_buffer room, error_code& error) override
    {
        const std::size_t size = std::min({room.size(), left_.size(), piece_});
        std::memcpy(room.data(), left_.data(), size);
        left_.remove_prefix(size);
        error = size > 0 ? error_code() : error_code(asio::error::eof);
        return size;
    }
    std::size_t write_now(const Pieces& pieces, error_code& error) override
    {
        error = {};
        const std::size_t size = asio::buffer_size(pieces);
        written_ += size;
        return size;
    }
    Task<Moved> read(asio::mutable_buffer room) override
    {
        const Executor executor = co_await asio::this_coro::executor;
        for (int turn = 0; turn < 3; ++turn) co_await asio::post(executor, use_task);  // others answer meanwhile
        error_code error;
        const std::size_t size = read_now(room, error);
        co_return Moved(error, size);
    }
    Task<Moved> write(const Pieces& pieces) override
    {
        error_code error;
        const std::size_t size = write_now(pieces, error);
        co_return Moved(error, size);
    }
    void half_close() override {}
    void close() override {}
    bool is_open() const override { return true; }
    Task<> closed_by_peer() override { return forever(); }
    bool idle() override { return false; }

private:
    std::string bytes_;
    std::string_view left_;
    std::size_t piece_;
    std::size_t& written_;
};

struct Counts {
    int streams = 0, at_once = 0, most = 0;
    std::size_t read = 0;
};

void check_fields(const Http2Fields& fields)
{
    const Http2Limits limits;
    std::size_t bytes = 0;
    for (const Http2Field& each : fields) {
        bytes += each.name.size() + each.value.size();
        must(each.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "no line ends in a value", each.name, each.value);
        must(std::ranges::none_of(each.name, [](char c) { return c >= 'A' && c <= 'Z'; }), "names are in lower case", each.name);
    }
    must(fields.size() <= limits.fields && bytes <= limits.field_bytes, "no more fields than there may be");
}

/// A status that we pass on says the same.
void check_status(const GrpcStatus& status)
{
    for (const Http2Field& each : trailers_of(status))
        must(std::ranges::all_of(each.value, [](char c) { return c >= 0x20 && c < 0x7f; }), "what we send is printable", each.name, each.value);
}

Task<> read_messages(Http2Stream& stream, Counts& counts)
{
    GrpcReader reader(stream);
    while (const auto message = co_await reader.next(message_max)) {
        must(message->size() <= message_max, "no message is longer than it may be");
        counts.read += message->size();
    }
}

/// One stream in the hands of somebody: how far he goes is `way`.
Task<> serve(std::shared_ptr<Http2Stream> stream, bool is_server, int way, Counts& counts)
{
    struct Here {
        Counts& counts;
        ~Here() { --counts.at_once; }
    } const here{counts};
    ++counts.streams;
    counts.most = std::max(counts.most, ++counts.at_once);
    try {
        if (is_server)
            check_fields(stream->head());
        else
            co_await write_message(*stream, "hello", way == 1);
        if (way == 3) {
            co_await stream->over();  // reads nothing
        } else if (is_server) {
            stream->answer(grpc_answer(), way == 2);
            if (way == 0) co_await read_messages(*stream, counts);
            if (way < 2) co_await write_message(*stream, std::string(5000, 'x'));
            if (way < 2) co_await stream->end(trailers_of({GrpcCode::internal, "100%\n", "details"}));
        } else {
            co_await stream->head_arrived();
            check_fields(stream->head());
            co_await read_messages(*stream, counts);
            check_fields(stream->trailers());
            check_status(status_of(*stream));
        }
    } catch (const StreamGone&) {
    } catch (const GrpcStatus&) {
    }
}

/// Two choices (role and what is done with a stream; pieces), then what the peer sends, behind the preface if it is a client.
void http2(std::string_view input)
{
    const unsigned char choice = taken(input);
    const bool is_server = choice % 2 == 0;
    const int way = choice / 2 % 4;
    const std::size_t piece = 1 + taken(input) * std::size_t{16};
    std::string bytes(is_server ? "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" : "");
    bytes += input;

    Counts counts;
    std::size_t written = 0;
    bool ended = false;
    {
        asio::io_context io;
        Wire wire(std::make_unique<Script>(bytes, piece, written));
        const auto begin = [&](Task<> work) {
            asio::co_spawn(io, std::move(work), [](std::exception_ptr error) {
                if (error) std::rethrow_exception(error);  // what is not expected is a finding
            });
        };
        const auto accept = [&](std::shared_ptr<Http2Stream> stream) { begin(serve(std::move(stream), true, way, counts)); };
        const auto role = is_server ? Http2Connection::Role::server : Http2Connection::Role::client;
        Http2Connection connection(wire, role, io.get_executor(), {}, accept);
        const auto run = [&]() -> Task<> {
            co_await connection.run();
            ended = true;
        };
        if (!is_server)
            for (int count = 0; count < 3; ++count) begin(serve(connection.open(grpc_request("/a.B/C")), false, way, counts));
        begin(run());
        io.poll();
        if (!ended) {
            connection.finish();  // it waits a while for its last frame to be written
            io.poll();
        }
        must(counts.at_once == 0, "nobody waits for a connection that is over");
    }
    must(counts.most <= 100, "no more streams at a time than there may be");
    must(counts.read <= bytes.size(), "no more than was sent");
    must(written <= 16384 + bytes.size() * 600, "answers are in proportion");
}

constexpr Target targets[] = {{"http2", http2}};

}  // namespace

std::span<const Target> http2_targets()
{
    return targets;
}

}  // namespace fuzz
