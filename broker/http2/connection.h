#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/http/wire.h"
#include "broker/io/wakeup.h"

struct nghttp2_session;

// HTTP/2 without its upgrade (RFC 9113), by nghttp2: one connection, in either role, whose streams are read and written by coroutines.
namespace broker {

struct Http2Field {
    std::string name, value;
    bool operator==(const Http2Field&) const = default;
};
using Http2Fields = std::vector<Http2Field>;

/// The value of the first field of that name; "" when there is none.
std::string_view value_of(const Http2Fields& fields, std::string_view name);

/// What one connection of a peer may hold of us.
struct Http2Limits {
    std::uint32_t streams = 100;               ///< at a time, that the peer opens
    std::uint32_t window = 256 * 1024;         ///< bytes of one stream that are taken before somebody reads them
    std::uint32_t connection_window = 1 << 20;  ///< the same of all its streams
    std::size_t fields = 100;                  ///< of one head or trailer
    std::size_t field_bytes = 16 * 1024;       ///< of these, names and values
};

/// The stream ended before its time: reset by the peer, or with its connection.
struct StreamGone : Gone {
    StreamGone(const std::string& what, std::uint32_t code_) : Gone(what), code(code_) {}
    std::uint32_t code;  ///< of RFC 9113, section 7
};

class Http2Connection;

/// One stream. Whoever holds it last closes it: what is not at its end is reset.
class Http2Stream {
public:
    Http2Stream(Http2Connection& connection, Executor executor)
        : connection_(&connection), readable_(executor), writable_(executor), finished_(executor)
    {
    }
    Http2Stream(const Http2Stream&) = delete;
    Http2Stream& operator=(const Http2Stream&) = delete;
    ~Http2Stream();

    /// The fields that the peer began with; of a stream that we opened, once head_arrived().
    const Http2Fields& head() const { return head_; }
    /// Waits for the peer's head. Throws StreamGone.
    Task<> head_arrived();
    /// The next bytes of the peer, valid until the following call; empty at their end. Throws StreamGone.
    Task<std::string_view> read();
    /// What the peer sent behind its last byte.
    const Http2Fields& trailers() const { return trailers_; }

    /// Our head, of a stream that the peer opened. `last`: nothing follows it.
    void answer(const Http2Fields& head, bool last = false);
    /// Returns when the connection has taken all of it. `last`: nothing follows. Throws StreamGone.
    Task<> write(std::string_view bytes, bool last = false);
    /// Nothing follows what was written but `trailers`. Returns when the connection has taken that, or the peer has answered without waiting for
    /// it. Throws StreamGone.
    Task<> end(Http2Fields trailers = {});
    void reset(std::uint32_t code);

    /// Returns when the stream is over, whoever ended it. For one who waits.
    Task<> over();
    bool is_over() const { return over_; }
    bool has_answered() const { return has_answered_; }

private:
    friend class Http2Connection;

    Http2Connection* connection_;  ///< null: it is gone
    std::int32_t id_ = 0;
    Http2Fields head_, trailers_;
    std::size_t field_bytes_ = 0;
    std::string arrived_;        ///< bytes that nobody has read
    std::string reading_;        ///< what read() has handed out
    bool has_head_ = false;
    bool at_end_ = false;        ///< the peer has ended its side
    bool over_ = false;
    std::uint32_t code_ = 0;     ///< with which it was over
    Wakeup readable_, writable_, finished_;

    bool has_answered_ = false;
    bool is_answered_ = false;   ///< a server's answer has gone out whole
    std::string_view writing_;   ///< what is left of it
    bool ends_ = false;          ///< end() was called
    bool has_ended_ = false;     ///< and the connection has taken it
    Http2Fields end_trailers_;
};

/// A connection over `wire`, from our first byte of HTTP/2 on. run() moves it; without it nothing happens.
class Http2Connection {
public:
    enum class Role { server, client };
    using Accept = std::function<void(std::shared_ptr<Http2Stream>)>;

    /// `accept` takes a stream that the peer opened, whose head has arrived. A server's alone.
    Http2Connection(Wire& wire, Role role, Executor executor, Http2Limits limits = {}, Accept accept = {});
    Http2Connection(const Http2Connection&) = delete;
    Http2Connection& operator=(const Http2Connection&) = delete;
    ~Http2Connection();

    /// Reads and writes until the peer has gone, or broke the protocol; then every stream is over.
    Task<> run();
    /// Opens a stream; a client's alone. Throws StreamGone.
    std::shared_ptr<Http2Stream> open(const Http2Fields& head);
    bool is_over() const { return over_; }
    /// From now on every stream is over; whoever waits for one goes on.
    void finish();

private:
    friend class Http2Stream;
    struct Callbacks;

    Task<> read_all();
    Task<> write_all();
    /// There is something to write.
    void wake()
    {
        all_written_ = false;
        writable_.wake();
    }
    void resume(const Http2Stream& stream);
    static void finish(Http2Stream& stream, std::uint32_t code);
    void consumed(const Http2Stream& stream, std::size_t bytes);
    Http2Stream* find(std::int32_t id) const;

    Wire& wire_;
    Role role_;
    Executor executor_;
    Http2Limits limits_;
    Accept accept_;
    nghttp2_session* session_ = nullptr;
    std::map<std::int32_t, Http2Stream*> streams_;
    std::map<std::int32_t, std::shared_ptr<Http2Stream>> opening_;  ///< by the peer, whose head is not whole
    std::vector<std::shared_ptr<Http2Stream>> accepted_;            ///< not yet handed to accept_
    Wakeup writable_, written_;
    bool all_written_ = false;  ///< what can be written now
    bool over_ = false;
};

}  // namespace broker
