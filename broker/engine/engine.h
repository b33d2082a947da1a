#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "broker/http/wire.h"
#include "broker/io/spend.h"
#include "rules/api/endpoints.h"
#include "rules/api/route.h"
#include "rules/json.h"
#include "rules/query.h"

namespace broker {

inline constexpr std::size_t answer_max = std::size_t{4} << 20;   ///< bytes of one object as the engine tells it: what a job has it keep is less
inline constexpr std::size_t answer_short = std::size_t{32} << 10;  ///< bytes of an answer that waits for no turn
inline constexpr auto background_limit = 30s;                      ///< for an exchange that no client waits for
inline constexpr int answers_large = 6;                             ///< longer answers held at a time, and long elements of lists read
inline constexpr std::size_t others_max = std::size_t{1} << 20;  ///< bytes of other jobs' elements of a list that the job that asks pays for

/// An answer of the engine cannot be read: it is too long, has too many values, or is none.
struct UnreadableAnswer : EngineFailure {
    using EngineFailure::EngineFailure;
};

/// An answer of the engine, read whole.
struct Answer {
    int status = 0;
    std::string content_type;
    std::string body;
    std::vector<Lock::Held> turns = {};  ///< of a large one, which is held in memory while it is somebody's turn

    bool ok() const { return status >= 200 && status < 300; }
    /// The body as JSON, of what no job can make long; UnreadableAnswer when it is none.
    rules::Json json() const;
    /// The same of as many values as its bytes have, for what must go on whatever a job has made; nullopt when it is none.
    std::optional<rules::Json> read() const;
    /// The text of an error answer.
    std::string message() const;
};

/// The body of `answer` as JSON, as Answer::json; a long one is read by a helper thread. `answer` lives until then.
Task<rules::Json> json_of(const Answer& answer);

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
    /// Reads to the end of the answer behind `head`, which makes the connection fit for another exchange. Throws UnreadableAnswer beyond `limit`.
    /// Before more than answer_short is held, `large` is awaited.
    Task<std::string> read_body(const ResponseHead& head, std::size_t limit, const std::function<Task<>()>& large = {});
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
    std::vector<std::pair<std::string, std::string>> headers = {};  ///< further ones
};

/// What asks the engine for the object `id` of `kind` (container, network, volume, image, exec).
EngineRequest inspection_of(rules::Kind kind, std::string id);

/// Who takes the elements of a list of the engine's.
class Elements {
public:
    virtual ~Elements() = default;
    /// All elements must be learnt before the first is taken: a long list is read twice.
    virtual bool learns() const { return false; }
    virtual void learn(std::string_view, const rules::Json&) {}
    /// `list`: the member of the answer that the element is of; empty: the answer is the list. Plain members are told as well, and null at
    /// the beginning of a list that is a member.
    virtual void take(std::string_view list, rules::Json element) = 0;
    /// It is of the job that asks, which pays for all of it as for its long texts; for what others have in a list it pays a little.
    virtual bool is_own(const rules::Json&) const { return true; }
    /// There is an element that cannot be read: what was taken is not all.
    virtual void missed() {}
    /// Between slices of a long list: what has been taken may go on.
    virtual Task<> between() { co_return; }
};

/// Hands each element of one list on: that of the whole answer, or of its member `list`.
class EachElement final : public Elements {
public:
    explicit EachElement(std::function<void(rules::Json)> with, std::string_view list = {}) : with_(std::move(with)), list_(list) {}
    void take(std::string_view list, rules::Json element) override
    {
        if (list == list_ && element.is_object()) with_(std::move(element));
    }
    void missed() override { is_whole_ = false; }
    /// Every element could be read.
    bool is_whole() const { return is_whole_; }

private:
    std::function<void(rules::Json)> with_;
    std::string_view list_;
    bool is_whole_ = true;
};

/// berth's side toward the engine: one careful client with a pool of connections, last in first out.
class Engine {
public:
    Engine(asio::io_context& io, std::string socket_path);

    /// Sends a request without a body or with JSON. `upgrade`: the protocol that it asks for besides, if any.
    Task<Upstream> send(const EngineRequest& request, std::string_view upgrade = {});
    /// Sends the head of a request whose body the caller writes: `length`, or chunked when absent.
    Task<Upstream> send_head(const EngineRequest& request, std::optional<std::uint64_t> length, std::string_view content_type);
    /// A whole exchange with an answer that fits into memory. Throws EngineFailure when the engine is away or breaks off.
    /// Of large answers a few are held at a time; of one job's, one after the other at its pace: `spend`, unless it is for berth itself.
    Task<Answer> call(const EngineRequest& request, Spend* spend = nullptr);
    /// The object `id` of `kind` as the engine tells it.
    Task<Answer> inspect(rules::Kind kind, std::string id, Spend* spend = nullptr);
    /// An exchange whose answer is a list, or an object of lists, of any length: one element of it is held at a time. The answer, without
    /// its body unless it is an error. Of an element, texts and objects that are very long are left out (ElementCutter).
    Task<Answer> list(const EngineRequest& request, Elements& elements, Spend* spend = nullptr);

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
    Task<> read_long_list(Upstream& upstream, BodyReader& body, std::string text, Elements& elements, bool learning, Spend* spend);
    std::string head_of(const EngineRequest& request, std::string_view framing, std::string_view upgrade = {}) const;

    asio::io_context& io_;
    std::string path_;
    std::vector<Wire> idle_;
    Lock large_{answers_large};    ///< held by large answers
    Lock elements_{answers_large};  ///< held while a large element is read
    bool known_ = false;
    rules::Versions versions_;
    std::string server_version_;
    std::string root_directory_;
};

}  // namespace broker
