#include "broker/engine/engine.h"

#include <sys/socket.h>

#include <algorithm>

#include "broker/engine/redaction.h"
#include "broker/http/elements.h"
#include "broker/io/aside.h"
#include "db/fault.h"
#include "rules/units.h"

namespace broker {
namespace {

/// Of one element of a long list: as many values as its longest member may have, and others besides.
constexpr rules::JsonBudget element_json{2 * rules::engine_json.nodes, rules::engine_json.depth};

constexpr std::size_t idle_max = 256;  ///< fewer than clients at once would mean to connect anew for the rest

}  // namespace

rules::Json Answer::json() const
{
    std::optional<rules::Json> value = rules::read_json(body);
    if (!value) throw UnreadableAnswer("the engine's answer is not JSON, or has too many values");
    return *std::move(value);
}

std::optional<rules::Json> Answer::read() const
{
    return rules::read_json(body, {.nodes = answer_max, .depth = rules::engine_json.depth});
}

Task<rules::Json> json_of(const Answer& answer)
{
    if (answer.body.size() <= answer_short) co_return answer.json();
    rules::Json value;
    const auto read = [&] { value = answer.json(); };
    co_await aside(read, Aside::json);
    co_return value;
}

std::string Answer::message() const
{
    const rules::Json value = rules::read_json(body).value_or(nullptr);
    if (value.is_object())
        if (const auto text = value.find("message"); text != value.end() && text->is_string()) return text->get<std::string>();
    std::string text = body.substr(0, 1024);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

std::string socket_of(const std::string& address)
{
    constexpr std::string_view scheme = "unix://";
    if (!address.starts_with(scheme) || address.size() <= scheme.size() || address[scheme.size()] != '/')
        throw std::runtime_error("the engine is given as unix:///path/of/docker.sock, not " + address);
    return address.substr(scheme.size());
}

Upstream::Upstream(Engine& engine, Wire wire, bool pooled) : engine_(&engine), wire_(std::move(wire)), pooled_(pooled) {}

Upstream::~Upstream()
{
    if (!reusable_ || !sent_ || !wire_.socket().is_open() || !wire_.buffered().empty()) return;
    wire_.narrow();
    if (engine_->idle_.size() < idle_max) engine_->idle_.push_back(std::move(wire_));
}

Task<ResponseHead> Upstream::read_head(bool to_head)
{
    for (;;) {
        std::optional<std::size_t> length;
        try {
            length = co_await wire_.head();
        } catch (const Gone& gone) {
            throw EngineFailure(gone.what());
        }
        if (!length) throw EngineFailure("the engine closed the connection");
        if (*length == 0) throw EngineFailure("the engine's head is too long");
        auto head = parse_response(wire_.buffered().substr(0, *length), to_head);
        wire_.consume(*length);
        if (!head) throw EngineFailure("the engine's head is malformed: " + head.error().message);
        if (head->status == 101 || head->status >= 200) co_return std::move(*head);
    }
}

Task<std::string> Upstream::read_body(const ResponseHead& head, std::size_t limit, const std::function<Task<>()>& large)
{
    BodyReader reader(wire_, head);
    std::string body;
    bool is_large = false;
    for (;;) {
        const std::string_view piece = co_await next(reader);
        if (piece.empty()) break;
        if (body.size() + piece.size() > limit) throw UnreadableAnswer("the engine's answer is too long");
        if (!is_large && large && body.size() + piece.size() > answer_short) {
            is_large = true;
            const std::string kept(piece);
            co_await large();
            body += kept;
        } else {
            body.append(piece);
        }
    }
    finished(head);
    co_return body;
}

Task<std::string_view> Upstream::next(BodyReader& body)
{
    try {
        co_return co_await body.next();
    } catch (const Gone& gone) {
        if (!wire_.socket().is_open()) throw;
        throw EngineFailure(gone.what());
    }
}

Engine::Engine(asio::io_context& io, std::string socket_path) : io_(io), path_(std::move(socket_path)) {}

std::optional<Upstream> Engine::pooled()
{
    while (!idle_.empty()) {
        Wire wire = std::move(idle_.back());
        idle_.pop_back();
        if (wire.idle()) return Upstream(*this, std::move(wire), true);
    }
    return std::nullopt;
}

Task<Upstream> Engine::connect()
{
    // Assigned, not opened: so the reactor lets go of it when it is closed, even if Wire::closed_by_peer() has a duplicate.
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) throw EngineFailure("no descriptor is left for a connection to the engine");
    Socket socket(io_.get_executor(), Unix(), descriptor);
    const auto [error] = co_await socket.async_connect(Unix::endpoint(path_), use_task_tuple);
    if (error) throw EngineFailure("cannot connect to the engine at " + path_ + ": " + error.message());
    Wire wire(std::move(socket));
    co_return Upstream(*this, std::move(wire), false);
}

std::string Engine::head_of(const EngineRequest& request, std::string_view framing, bool upgrade) const
{
    const rules::Endpoint& row = rules::endpoint(request.op);
    const rules::Version version = request.version.value_or(versions_.newest);
    HeadWriter head = HeadWriter::request(rules::method_name(row.method), rules::target_of(row, version, request.id, request.query));
    if (!request.registry_auth.empty()) head.add("X-Registry-Auth", request.registry_auth);
    if (!request.registry_config.empty()) head.add("X-Registry-Config", request.registry_config);
    if (upgrade) head.add("Connection", "Upgrade").add("Upgrade", "tcp");
    std::string text = std::move(head).finish();
    text.insert(text.size() - 2, framing);
    return text;
}

Task<Upstream> Engine::send(const EngineRequest& request, bool upgrade)
{
    std::string body;
    std::string framing;
    const rules::Endpoint& row = rules::endpoint(request.op);
    const rules::Method method = row.method;
    if (request.body) {
        body = request.body->dump();
        framing = "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    } else if (method == rules::Method::post || method == rules::Method::put) {
        framing = "Content-Length: 0\r\n";
    }
    const std::string head = head_of(request, framing, upgrade);
    for (bool fresh = false;; fresh = true) {
        std::optional<Upstream> upstream = fresh ? std::nullopt : pooled();
        if (!upstream) {
            Upstream connected = co_await connect();
            upstream.emplace(std::move(connected));
        }
        if (method != rules::Method::get) db::fault_point("before", row.name);
        try {
            co_await upstream->wire().write(head, body);
            co_return std::move(*upstream);
        } catch (const Gone& gone) {
            // An engine that had closed this idle connection takes in nothing of the request: the first write fails.
            if (!upstream->pooled()) throw EngineFailure(gone.what());
        }
    }
}

Task<Upstream> Engine::send_head(const EngineRequest& request, std::optional<std::uint64_t> length, std::string_view content_type)
{
    std::string framing = "Content-Type: " + std::string(content_type) + "\r\n";
    framing += length ? "Content-Length: " + std::to_string(*length) + "\r\n" : "Transfer-Encoding: chunked\r\n";
    const std::string head = head_of(request, framing, false);
    Upstream upstream = co_await connect();
    upstream.sent(false);
    db::fault_point("before", rules::endpoint(request.op).name);
    try {
        co_await upstream.wire().write(head);
    } catch (const Gone& gone) {
        throw EngineFailure(gone.what());
    }
    co_return upstream;
}

Task<Answer> Engine::call(const EngineRequest& request, LongTexts* texts)
{
    const rules::Endpoint& row = rules::endpoint(request.op);
    Upstream upstream = co_await send(request);
    ResponseHead head = co_await upstream.read_head(row.method == rules::Method::head);
    std::vector<Lock::Held> turns;
    const auto hold = [&turns](Lock& lock) -> Task<> {
        Lock::Held turn = co_await lock.hold();
        turns.push_back(std::move(turn));
    };
    // What has been made is told at once, and who holds a turn of all jobs' does not wait for a pace.
    const bool waits = texts && row.method == rules::Method::get;
    const auto large = [&]() -> Task<> {
        if (texts) co_await hold(texts->answer);
        if (waits) co_await texts->take(0);
        co_await hold(large_);
    };
    std::string body = co_await upstream.read_body(head, answer_max, large);
    if (texts && body.size() > LongTexts::short_max) {
        if (waits && turns.empty())
            co_await texts->take(body.size());
        else
            texts->spend(body.size());
    }
    if (row.method != rules::Method::get) db::fault_point("after", row.name);
    co_return Answer{head.status, std::string(head.header("content-type")), std::move(body), std::move(turns)};
}

namespace {

void learn_or_take(Elements& elements, bool learning, std::string_view list, rules::Json element)
{
    if (learning)
        elements.learn(list, element);
    else
        elements.take(list, std::move(element));
}

/// What `text`, the whole answer, holds.
void give_whole(const std::string& text, Elements& elements, bool learning)
{
    std::optional<rules::Json> answer = rules::read_json(text);
    if (!answer || !(answer->is_array() || answer->is_object() || answer->is_null())) throw EngineFailure("the engine's list is none");
    const auto give = [&](std::string_view list, rules::Json& value, bool learns) {
        if (!value.is_array()) return learn_or_take(elements, learns, list, std::move(value));
        if (!list.empty()) learn_or_take(elements, learns, list, nullptr);
        for (rules::Json& each : value)
            if (learns)
                elements.learn(list, each);
            else
                elements.take(list, std::move(each));
    };
    for (const bool learns : {true, false}) {
        if (learns && !learning) continue;
        if (answer->is_array()) give({}, *answer, learns);
        if (answer->is_object())
            for (auto& [key, value] : answer->get_ref<rules::Json::object_t&>()) give(key, value, learns);
    }
}

}  // namespace

Task<Answer> Engine::list(const EngineRequest& request, Elements& elements, LongTexts* texts)
{
    for (bool learning = elements.learns();; learning = false) {
        Upstream upstream = co_await send(request);
        const ResponseHead head = co_await upstream.read_head();
        if (head.status != 200) {
            if (head.status < 400) throw EngineFailure("the engine answers a list with status " + std::to_string(head.status));
            std::string error = co_await upstream.read_body(head, answer_max);
            co_return Answer{head.status, std::string(head.header("content-type")), std::move(error)};
        }
        BodyReader body(upstream.wire(), head);
        std::string text;
        std::string_view piece;
        do {
            piece = co_await upstream.next(body);
            text.append(piece);
        } while (!piece.empty() && text.size() <= answer_short);
        const bool is_short = piece.empty();
        if (texts && is_short && text.size() > LongTexts::short_max) co_await texts->take(text.size());
        if (is_short)
            give_whole(text, elements, learning);
        else
            co_await read_long_list(upstream, body, std::move(text), elements, learning, texts);
        upstream.finished(head);
        if (is_short || !learning) co_return Answer{head.status, {}, {}};
    }
}

Task<> Engine::read_long_list(Upstream& upstream, BodyReader& body, std::string text, Elements& elements, bool learning, LongTexts* texts)
{
    ElementCutter cutter(answer_max);
    cutter.feed(std::exchange(text, {}));
    Slices slices;
    std::optional<Lock::Held> turn;
    std::size_t due = 0, others_left = others_max;
    for (;;) {
        while (const auto element = cutter.next()) {
            std::optional<rules::Json> value;
            const auto read = [&] {
                if (element->whole) value = rules::read_json(element->text, element_json);
            };
            if (element->text.size() > answer_short)
                co_await aside(read, Aside::json);
            else
                read();
            const bool is_own = value && elements.is_own(*value);
            const std::size_t cost = is_own ? element->text.size() : std::min(element->text.size(), others_left);
            if (!is_own) others_left -= cost;
            due += cost;
            if (value)
                learn_or_take(elements, learning, element->list, *std::move(value));
            else
                elements.missed();
            turn.reset();
            if (!slices.over()) continue;
            co_await elements.between();
            co_await slices.next();
        }
        if (cutter.broken()) throw EngineFailure("the engine's list is none");
        if (!turn) {  // which other jobs wait for
            co_await elements.between();  // which may wait for a peer
            if (texts && due > 0) co_await texts->take(std::exchange(due, 0));
        }
        if (cutter.pending() > answer_short && !turn) {
            Lock::Held held = co_await elements_.hold();
            turn.emplace(std::move(held));
        }
        const std::string_view piece = co_await upstream.next(body);
        if (piece.empty()) break;
        cutter.feed(piece);
    }
    if (texts) texts->spend(due);
    if (!cutter.ended()) throw EngineFailure("the engine's list broke off");
}

Task<> Engine::learn()
{
    EngineRequest request{.op = rules::Op::system_version};
    request.version = rules::oldest_version;
    Answer answer = co_await call(request);
    if (answer.status == 400) {
        // A newer engine no longer speaks our oldest version; it says so, and speaks the newest that it shares with us.
        request.version = rules::newest_version;
        answer = co_await call(request);
    }
    if (!answer.ok()) throw failure_of("the engine's version cannot be read", answer);
    const rules::Json version = answer.json();
    const auto newest = rules::parse_version(version.value("ApiVersion", ""));
    const auto oldest = rules::parse_version(version.value("MinAPIVersion", "1.24"));
    if (!newest || !oldest) throw EngineFailure("the engine's API version is unreadable");
    versions_.newest = std::min(*newest, rules::newest_version);
    versions_.oldest = std::max(*oldest, rules::oldest_version);
    if (versions_.newest < versions_.oldest)
        throw EngineFailure("the engine speaks API " + rules::to_string(*oldest) + " and newer; this berth speaks up to " + rules::to_string(rules::newest_version));
    server_version_ = version.value("Version", "");
    const EngineRequest about{.op = rules::Op::system_info};
    const Answer info = co_await call(about);
    if (!info.ok()) throw failure_of("the engine's info cannot be read", info);
    root_directory_ = info.json().value("DockerRootDir", "");
    known_ = true;
}

}  // namespace broker
