#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/wire.h"
#include "rules/endpoints.h"
#include "rules/json.h"
#include "rules/query.h"
#include "rules/route.h"

namespace broker {

/// A short answer of the engine, read whole.
struct Answer {
    int status = 0;
    std::string content_type;
    std::string body;

    bool ok() const { return status >= 200 && status < 300; }
    /// The body as JSON; EngineFailure when it is none.
    rules::Json json() const;
    /// The text of an error answer.
    std::string message() const;
};

class Engine;

/// The path of `unix:///path`; throws std::runtime_error for any other address.
std::string socket_of(const std::string& address);

/// One exchange on one connection to the engine. A connection goes back to the pool only after a complete, well-framed answer; else
/// the destructor closes it.
class Upstream {
public:
    Upstream(Engine& engine, Wire wire, bool pooled);
    Upstream(Upstream&&) = default;
    Upstream& operator=(Upstream&&) = delete;
    ~Upstream();

    /// The head of the final answer; 1xx answers but 101 are read over. Throws EngineFailure.
    Task<ResponseHead> read_head(bool to_head = false);
    /// Reads to the end of the answer behind `head`, which makes the connection fit for another exchange.
    Task<std::string> read_body(const ResponseHead& head, std::size_t limit);
    /// The next piece of an answer that is read bit by bit; empty at its end. Throws EngineFailure, or Gone when the connection was cut on our side.
    Task<std::string_view> next(BodyReader& body);
    /// The answer behind `head` has been read to its end.
    void finished(const ResponseHead& head) { reusable_ = head.keep_alive; }
    /// Whether the request's body has been written to its end. While it has not, the engine would take another request for the rest.
    void sent(bool whole) { sent_ = whole; }

    Wire& wire() { return wire_; }
    bool pooled() const { return pooled_; }

private:
    Engine* engine_;
    Wire wire_;
    bool pooled_;
    bool reusable_ = false;
    bool sent_ = true;
};

/// What is sent to the engine: always our own bytes.
struct EngineRequest {
    rules::Op op{};
    std::string id = {};  ///< full id; an image: its id or its reference on the engine
    rules::Query query = {};
    std::optional<rules::Json> body = {};
    std::optional<rules::Version> version = {};  ///< the engine's newest that we know, unless given
    std::string registry_auth = {};              ///< X-Registry-Auth, opaque
    std::string registry_config = {};            ///< X-Registry-Config, opaque
};

/// berth's side toward the engine: one careful client with a pool of connections, last in first out.
class Engine {
public:
    Engine(asio::io_context& io, std::string socket_path);

    /// Sends a request without a body or with JSON. `Upgrade: tcp` when `upgrade`.
    Task<Upstream> send(const EngineRequest& request, bool upgrade = false);
    /// Sends the head of a request whose body the caller writes: `length`, or chunked when absent.
    Task<Upstream> send_head(const EngineRequest& request, std::optional<std::uint64_t> length, std::string_view content_type);
    /// A whole exchange with a short answer. Throws EngineFailure when the engine is away or breaks off.
    Task<Answer> call(const EngineRequest& request);

    /// Reads version, API range and where its data is, once. Throws EngineFailure.
    Task<> learn();
    bool known() const { return known_; }
    const rules::Versions& versions() const { return versions_; }  ///< common to the engine and us
    const std::string& server_version() const { return server_version_; }
    const std::string& root_directory() const { return root_directory_; }  ///< on its host; its errors name it
    const std::string& address() const { return path_; }

private:
    friend class Upstream;
    /// The connection that was used last of those that nobody uses, if it is as it was left.
    std::optional<Upstream> pooled();
    Task<Upstream> connect();
    std::string head_of(const EngineRequest& request, std::string_view framing, bool upgrade) const;

    asio::io_context& io_;
    std::string path_;
    std::vector<Wire> idle_;
    bool known_ = false;
    rules::Versions versions_;
    std::string server_version_;
    std::string root_directory_;
};

/// Answers that are buffered are no longer than this: a longer one is a failure of the engine.
inline constexpr std::size_t answer_max = 64 * 1024 * 1024;

}  // namespace broker
