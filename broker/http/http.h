#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/result.h"

// HTTP/1.1 without sockets: strict reading of heads and chunks, and the heads that we write ourselves. The reader is our own since Boost.Beast
// takes more than we may let through (folded lines, lists of lengths, codings that it does not know as no body), and copies into messages of
// its own what we look at in the connection's buffer. tests/fuzzing/http_oracle.cpp holds that Beast reads the same of all that we accept.
namespace broker {

inline constexpr std::size_t head_max = 32 * 1024;  ///< bytes of a head
inline constexpr std::size_t headers_max = 100;

enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct Header {
    std::string_view name;  ///< as sent; compared without case
    std::string_view value;
};

/// What requests and responses have in common. Owns the bytes that its views look at; may be moved.
struct Head {
    std::vector<char> bytes;
    std::vector<Header> headers;
    Framing framing = Framing::none;
    std::uint64_t length = 0;  ///< of Framing::length
    int minor = 1;             ///< HTTP/1.<minor>
    bool keep_alive = true;
    bool upgrade = false;      ///< `Connection: Upgrade` with an Upgrade header

    /// The value of the only or first header of that name (lower case given); "" when there is none.
    std::string_view header(std::string_view name) const;
};

struct RequestHead : Head {
    std::string_view method;
    std::string_view target;
    bool expects_continue = false;
};

struct ResponseHead : Head {
    int status = 0;
};

/// Length of the head at the front of `buffer`, its empty line included; 0 when it is not yet complete.
std::size_t head_length(std::string_view buffer);

/// RFC 9112, more strictly than most servers read it: CRLF only, no folding, no blank before a colon, one Host, one Content-Length
/// of digits or exactly `Transfer-Encoding: chunked`, never both, only tokens in Connection, HTTP/1.0 without a body. Everything else is 400
/// (417, 431, 505).
rules::Result<RequestHead> parse_request(std::string_view head);

/// `to_head`: the answer belongs to a HEAD request. Errors are never shown to anybody: the connection is dropped.
rules::Result<ResponseHead> parse_response(std::string_view head, bool to_head);

/// Reads chunked framing piece by piece.
class ChunkReader {
public:
    struct Step {
        std::size_t used = 0;      ///< bytes of the input that are done with, payload included
        std::string_view payload = {};  ///< a piece of the body within the input
        bool done = false;         ///< the last chunk and its trailer have been read
        bool broken = false;       ///< not chunked framing
    };

    /// Takes what it can from `input`. No payload, not done and not broken: more input is needed.
    Step step(std::string_view input);

private:
    enum class State : std::uint8_t { size, data, data_end, trailer, done };
    State state_ = State::size;
    std::uint64_t left_ = 0;
    std::size_t trailer_seen_ = 0;
};

/// A head under construction; ends with `finish`.
class HeadWriter {
public:
    static HeadWriter request(std::string_view method, std::string_view target);
    static HeadWriter response(int status);

    HeadWriter& add(std::string_view name, std::string_view value);
    HeadWriter& add(std::string_view name, std::uint64_t value);
    std::string finish() &&;

private:
    std::string text_;
};

std::string_view reason_of(int status);
bool equal_fold(std::string_view a, std::string_view b);

}  // namespace broker
