#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/http2/connection.h"

namespace broker {

// Codes of RFC 9113, section 7.
inline constexpr int no_error = 0, internal_error = 2, cancel = 8, connect_error = 10, enhance_your_calm = 11;

inline const Http2Fields a_head = {{":method", "POST"}, {":scheme", "http"}, {":path", "/a.B/C"}, {":authority", "x"}};
inline const Http2Fields an_answer = {{":status", "200"}};

/// Two ends of a unix socket, and what runs on them.
struct Ends {
    Ends() : near(io.get_executor()), far(io.get_executor()) { asio::local::connect_pair(near, far); }

    static std::unique_ptr<Transport> transport(Socket& socket) { return std::make_unique<SocketTransport>(std::move(socket)); }

    /// Runs `work`, which must end within seconds; what else was begun is let go then.
    void run(Task<> work)
    {
        bool ended = false;
        std::exception_ptr failure;
        asio::co_spawn(io, std::move(work), [&](std::exception_ptr error) {
            failure = std::move(error);
            ended = true;
            io.stop();
        });
        io.run_for(10s);
        EXPECT_TRUE(ended) << "somebody waits for ever";
        if (failure) std::rethrow_exception(failure);
    }
    /// Beside what is run. What it throws of peers that are gone is let be.
    void begin(Task<> work)
    {
        asio::co_spawn(io, std::move(work), [](std::exception_ptr error) {
            try {
                if (error) std::rethrow_exception(error);
            } catch (const Gone&) {
            }
        });
    }

    asio::io_context io;
    Socket near, far;
};

using Serve = std::function<Task<>(std::shared_ptr<Http2Stream>)>;

/// A client and a server, connected; each stream of the client's is served by `serve`.
struct Peers : Ends {
    explicit Peers(Serve serve_, Http2Limits limits = {})
        : serve(std::move(serve_)), server(server_wire, Role::server, io.get_executor(), limits, accept())
    {
        begin(client.run());
        begin(server.run());
    }
    using Role = Http2Connection::Role;

    Http2Connection::Accept accept()
    {
        return [this](std::shared_ptr<Http2Stream> stream) { begin(serve(std::move(stream))); };
    }

    Serve serve;
    Wire client_wire{transport(near)}, server_wire{transport(far)};
    Http2Connection client{client_wire, Role::client, io.get_executor()};
    Http2Connection server;
};

/// All that is left of the peer's side.
inline Task<std::string> all_of(Http2Stream& stream)
{
    std::string all;
    for (;;) {
        const std::string_view piece = co_await stream.read();
        if (piece.empty()) co_return all;
        all += piece;
    }
}

inline Task<> echo(std::shared_ptr<Http2Stream> stream)
{
    stream->answer(an_answer);
    for (;;) {
        const std::string_view piece = co_await stream->read();
        if (piece.empty()) break;
        co_await stream->write(piece);
    }
    Http2Fields trailers = stream->trailers();
    trailers.push_back({"echoed", "yes"});
    co_await stream->end(std::move(trailers));
}

/// The code with which `work` finds its stream gone; -1 when it does not.
inline Task<int> code_of(Task<> work)
{
    try {
        co_await std::move(work);
    } catch (const StreamGone& gone) {
        co_return static_cast<int>(gone.code);
    }
    co_return -1;
}

}  // namespace broker
