#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "broker/http/http.h"
#include "broker/io/transport.h"

namespace broker {

/// A transport with the bytes that were read from it and are not yet used.
///
/// Small while idle (one 4 KiB block); widens to a pooled 64 KiB block while a body passes through. Writes are tried at once and
/// awaited only when the transport is full: an awaited write costs two more turns of the event loop.
class Wire {
public:
    explicit Wire(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
    Wire(Wire&&) = default;
    Wire& operator=(Wire&&) = delete;
    ~Wire();

    std::string_view buffered() const { return {data_.get() + begin_, end_ - begin_}; }
    void consume(std::size_t bytes);
    /// The place of what `buffered()` shows at `byte`.
    char* at(const char* byte) { return data_.get() + (byte - data_.get()); }
    /// Overwrites what has been consumed.
    void wipe();

    /// Reads some more; false at the end of the stream. Throws Gone.
    Task<bool> fill();

    /// Length of a complete head at the front of the buffer; nullopt when the peer closed before its first byte. Throws Gone when it
    /// closed within; 0 when the head grew beyond head_max.
    Task<std::optional<std::size_t>> head();

    /// Writes all pieces in order. Throws Gone.
    Task<> write(std::string_view first, std::string_view second = {}, std::string_view third = {});

    void widen();   ///< room for 64 KiB at a time
    void narrow();  ///< gives the large block back once it is empty

    void half_close() { transport_->half_close(); }
    void close() { transport_->close(); }
    Task<> closed_by_peer() { return transport_->closed_by_peer(); }

    /// True when the peer neither closed nor sent anything unasked: an idle connection may be used again.
    bool idle() { return begin_ == end_ && transport_->idle(); }

    Transport& transport() { return *transport_; }

private:
    std::unique_ptr<Transport> transport_;
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    int eager_ = 0;  ///< reads of a bulk transfer that did not wait, in a row
};

/// The peer's chunked framing is invalid. The connection stands: it can be told.
struct BadFraming : Gone {
    using Gone::Gone;
};

/// Reads the body behind a head, piece by piece, whatever its framing.
class BodyReader {
public:
    BodyReader(Wire& wire, const Head& head);

    /// The next piece, valid until the following call; empty at the end. Throws Gone when the peer closes too early, BadFraming when
    /// it breaks the framing.
    Task<std::string_view> next();

    bool done() const { return done_; }

private:
    /// Moves the payloads of further chunks that have come to the end of `first`: one piece of many chunks is one write.
    std::string_view join(std::string_view first);

    Wire& wire_;
    Framing framing_;
    std::uint64_t left_;
    ChunkReader chunks_;
    std::size_t used_ = 0;  ///< bytes of the last piece, consumed by the next call
    bool done_ = false;
    bool broken_ = false;   ///< behind the last piece
};

/// The whole body; nullopt when it is longer than `limit`.
Task<std::optional<std::string>> read_all(BodyReader& body, std::size_t limit);

}  // namespace broker
