#pragma once

#include <functional>
#include <optional>
#include <string>

#include "broker/http2/connection.h"

// gRPC over a stream of HTTP/2: messages with a prefix of five bytes, the status in the trailers
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
namespace broker {

/// Codes of a status that we give or look at.
enum class GrpcCode : int {
    ok = 0,
    canceled = 1,
    unknown = 2,
    invalid_argument = 3,
    not_found = 5,
    resource_exhausted = 8,
    failed_precondition = 9,
    unimplemented = 12,
    internal = 13,
    unavailable = 14,
};

/// How a call ended. Thrown, it ends the call with that.
struct GrpcStatus {
    GrpcCode code = GrpcCode::ok;
    std::string message = {};
    std::string details = {};  ///< a google.rpc.Status, serialised; empty: none
};

inline constexpr std::size_t message_short = std::size_t{32} << 10;  ///< bytes of a message that waits for no turn

/// The messages that one side of a stream sends.
class GrpcReader {
public:
    explicit GrpcReader(Http2Stream& stream) : stream_(stream) {}

    using Large = std::function<Task<>()>;

    /// The next whole message; nullopt at the end. Throws GrpcStatus for one that is compressed, longer than `limit`, or cut off. Before more
    /// than message_short is held, `large` is awaited.
    Task<std::optional<std::string>> next(std::size_t limit, const Large& large = {});
    /// The only message. Throws GrpcStatus when there is none, or another one.
    Task<std::string> only(std::size_t limit, const Large& large = {});

private:
    Http2Stream& stream_;
    std::string_view rest_;  ///< of what the stream handed out
};

/// `last`: nothing follows it.
Task<> write_message(Http2Stream& stream, const std::string& message, bool last = false);

/// The head of a call of `path`, and of an answer.
Http2Fields grpc_request(std::string_view path);
Http2Fields grpc_answer();

/// The status that the peer's trailers tell (or its head, when nothing follows that); `unknown` when they tell none.
GrpcStatus status_of(const Http2Stream& stream);
Http2Fields trailers_of(const GrpcStatus& status);

/// Ends an answer that has not begun: head and status in one.
void answer_status(Http2Stream& stream, const GrpcStatus& status);

}  // namespace broker
