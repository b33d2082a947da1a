#pragma once

#include <map>
#include <optional>
#include <string>

#include "broker/http/wire.h"
#include "broker/io/spend.h"
#include "rules/json.h"
#include "rules/result.h"

namespace broker {

/// A longer body is read when it is its turn, and beside the I/O thread.
inline constexpr std::size_t small_body = std::size_t{32} << 10;
/// What is kept in memory for a client must be read by it within so long.
inline constexpr auto reply_limit = 10s;

/// The side toward the job: reads requests, writes answers in Docker's form. One at a time, in order.
class Client {
public:
    /// `headers`: header lines that every answer carries (Api-Version, Server, ...), each with its CRLF.
    Client(std::unique_ptr<Transport> transport, const std::string& headers);

    /// The next request; nullopt when the peer has closed or the head was refused (and answered).
    Task<std::optional<RequestHead>> read_head();
    /// Why the last head was refused, as the rule `framing`.
    const std::optional<rules::Error>& refused_head() const { return refused_head_; }

    /// The JSON body behind the head: `{}` when there is none. Answers `Expect: 100-continue`.
    /// A large one is read when it is its turn among those of its job, which stays held in `turn`: what the bodies of one job take is bounded,
    /// however many connections it has.
    Task<rules::Result<rules::Json>> read_json(const RequestHead& head, std::size_t limit, Spend& spend, std::optional<Lock::Held>& turn);
    /// The body as a stream. Answers `Expect: 100-continue`.
    Task<BodyReader> open_body(const RequestHead& head);

    using Extra = std::initializer_list<Header>;
    Task<> reply(int status, std::string_view content_type, std::string_view body, Extra extra = {});
    Task<> reply_json(int status, const rules::Json& body);
    Task<> reply_empty(int status);
    /// `error` as the answer; in an answer of messages that has begun, as its last one. Throws Gone when that cannot be told any more.
    Task<> refuse(const rules::Error& error);

    /// An answer of unknown length, piece by piece: chunked, or until close for HTTP/1.0. `length`: framed by it instead.
    Task<> begin(int status, std::string_view content_type, std::optional<std::uint64_t> length = {}, Extra extra = {});
    Task<> piece(std::string_view bytes);
    Task<> end();
    /// The answer to this request is of Docker's progress messages, lines of JSON in whole pieces: what fails behind its beginning is told in it.
    void will_send_messages() { messages_ = true; }

    /// `head` as it is; from now on the wire is the caller's.
    Task<> start_raw(std::string_view head);

    /// After a refused or broken-off request: lets the peer read our answer before the socket goes (unread data would reset it).
    Task<> linger();

    /// Another request may follow on this connection.
    bool persistent() const { return keep_alive_ && !body_unread_; }
    bool body_unread() const { return body_unread_; }
    bool answered() const { return answered_; }
    void will_close() { keep_alive_ = false; }
    void body_was_read() { body_unread_ = false; }

    Wire& wire() { return wire_; }

    /// When the connection is to be cut because its peer stalls; max() while nothing is expected from it.
    Clock::time_point deadline = Clock::time_point::max();

private:
    std::string head_text(int status, std::string_view content_type, std::string_view framing, Extra extra) const;

    /// Answers a head that is not taken; what follows it is not read.
    Task<> refuse_head(rules::Error error);

    Wire wire_;
    const std::string& headers_;
    std::optional<rules::Error> refused_head_;
    bool keep_alive_ = true;
    bool body_unread_ = false;
    bool to_head_ = false;
    bool answered_ = false;
    bool messages_ = false;
    bool between_pieces_ = false;  ///< of the streamed answer: what is written now is not taken for a part of another piece
    int minor_ = 1;
    Framing framing_ = Framing::none;  ///< of the streamed answer
};

}  // namespace broker
