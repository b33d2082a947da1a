#pragma once

#include <array>
#include <memory>
#include <tuple>

#include "broker/io/io.h"

namespace broker {

/// A stream of bytes both ways: what carries the connection of a client, or one to the engine. Whoever adds another carrier (TLS, a stream of
/// HTTP/2) adds a class like SocketTransport; nothing above knows which one it has.
class Transport {
public:
    using Moved = std::tuple<error_code, std::size_t>;  ///< the second: bytes
    using Pieces = std::array<asio::const_buffer, 3>;   ///< written in order

    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport() = default;

    /// Moves what can be moved at once; `would_block` when that is nothing, `eof` at the end of what the peer sends.
    virtual std::size_t read_now(asio::mutable_buffer room, error_code& error) = 0;
    virtual std::size_t write_now(const Pieces& pieces, error_code& error) = 0;
    /// The same, once something can be moved.
    virtual Task<Moved> read(asio::mutable_buffer room) = 0;
    virtual Task<Moved> write(const Pieces& pieces) = 0;

    virtual void half_close() = 0;  ///< no more will be written
    virtual void close() = 0;       ///< ends whoever waits for it
    virtual bool is_open() const = 0;

    /// Returns when the peer has closed both directions; a half-close is not noticed.
    virtual Task<> closed_by_peer() = 0;
    /// The peer neither closed nor sent anything that has not been read.
    virtual bool idle() = 0;

    /// The socket whose bytes are those of this stream, so that the kernel may move them by itself; null: there is none.
    virtual Socket* plain_socket() { return nullptr; }
};

/// A unix socket as it is.
class SocketTransport final : public Transport {
public:
    explicit SocketTransport(Socket socket);

    std::size_t read_now(asio::mutable_buffer room, error_code& error) override { return socket_.read_some(room, error); }
    std::size_t write_now(const Pieces& pieces, error_code& error) override { return socket_.write_some(pieces, error); }
    Task<Moved> read(asio::mutable_buffer room) override { return socket_.async_read_some(room, use_task_tuple); }
    Task<Moved> write(const Pieces& pieces) override { return socket_.async_write_some(pieces, use_task_tuple); }
    void half_close() override;
    void close() override;
    bool is_open() const override { return socket_.is_open(); }
    Task<> closed_by_peer() override;
    bool idle() override;
    Socket* plain_socket() override { return &socket_; }

private:
    Socket socket_;
    bool watched_ = false;  ///< closed_by_peer() may be waiting
};

}  // namespace broker
