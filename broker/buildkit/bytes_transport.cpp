#include "broker/buildkit/bytes_transport.h"

#include <algorithm>
#include <cstring>

#include "rules/buildkit/messages.pb.h"

namespace broker {
namespace {

constexpr std::size_t message_max = std::size_t{256} << 10;
constexpr std::uint32_t canceled = 8;  // of RFC 9113

}  // namespace

std::size_t BytesTransport::take(asio::mutable_buffer room)
{
    const std::size_t size = std::min(room.size(), arrived_.size() - taken_);
    std::memcpy(room.data(), arrived_.data() + taken_, size);
    taken_ += size;
    return size;
}

std::size_t BytesTransport::read_now(asio::mutable_buffer room, error_code& error)
{
    const std::size_t size = take(room);
    error = size > 0 ? error_code() : error_code(asio::error::would_block);
    return size;
}

std::size_t BytesTransport::write_now(const Pieces&, error_code& error)
{
    error = asio::error::would_block;
    return 0;
}

Task<Transport::Moved> BytesTransport::read(asio::mutable_buffer room)
{
    try {
        while (taken_ == arrived_.size()) {
            const auto bytes = co_await reader_.next(message_max);
            if (!bytes) co_return Moved(asio::error::eof, 0);
            rules::buildkit::BytesMessage message;
            if (!message.ParseFromString(*bytes)) co_return Moved(asio::error::connection_reset, 0);
            arrived_ = std::move(*message.mutable_data());
            taken_ = 0;
        }
    } catch (const Gone&) {
        co_return Moved(asio::error::connection_reset, 0);
    } catch (const GrpcStatus&) {
        co_return Moved(asio::error::connection_reset, 0);
    }
    co_return Moved(error_code(), take(room));
}

Task<Transport::Moved> BytesTransport::write(const Pieces& pieces)
{
    rules::buildkit::BytesMessage message;
    for (const asio::const_buffer& each : pieces) message.mutable_data()->append(static_cast<const char*>(each.data()), each.size());
    const std::size_t size = message.data().size();
    try {
        co_await write_message(stream_, message.SerializeAsString());
    } catch (const Gone&) {
        co_return Moved(asio::error::broken_pipe, 0);
    }
    co_return Moved(error_code(), size);
}

void BytesTransport::close()
{
    stream_.reset(canceled);
}

}  // namespace broker
