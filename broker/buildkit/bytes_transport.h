#pragma once

#include "broker/http2/grpc.h"
#include "broker/io/transport.h"

namespace broker {

/// The bytes within the messages of a call (`BytesMessage` of BuildKit, both ways) as a stream. The call outlives it.
class BytesTransport final : public Transport {
public:
    explicit BytesTransport(Http2Stream& stream) : stream_(stream), reader_(stream) {}

    std::size_t read_now(asio::mutable_buffer room, error_code& error) override;
    std::size_t write_now(const Pieces& pieces, error_code& error) override;
    Task<Moved> read(asio::mutable_buffer room) override;
    Task<Moved> write(const Pieces& pieces) override;

    void half_close() override {}
    void close() override;
    bool is_open() const override { return !stream_.is_over(); }
    Task<> closed_by_peer() override { return stream_.over(); }
    bool idle() override { return false; }

private:
    std::size_t take(asio::mutable_buffer room);

    Http2Stream& stream_;
    GrpcReader reader_;
    std::string arrived_;    ///< of a message, what was not taken yet
    std::size_t taken_ = 0;  ///< of it
};

}  // namespace broker
