#include "broker/engine/engine.h"

#include <sys/socket.h>

#include <algorithm>

#include "broker/engine/redaction.h"
#include "db/fault.h"
#include "rules/units.h"

namespace broker {

std::string socket_of(const std::string& address)
{
    constexpr std::string_view scheme = "unix://";
    if (!address.starts_with(scheme) || address.size() <= scheme.size() || address[scheme.size()] != '/')
        throw std::runtime_error("the engine is given as unix:///path/of/docker.sock, not " + address);
    return address.substr(scheme.size());
}

EngineRequest inspection_of(rules::Kind kind, std::string id)
{
    using rules::Kind, rules::Op;
    const auto op = [kind] {
        switch (kind) {
            case Kind::container: return Op::container_inspect;
            case Kind::network: return Op::network_inspect;
            case Kind::volume: return Op::volume_inspect;
            case Kind::image: return Op::image_inspect;
            case Kind::exec: return Op::exec_inspect;
            case Kind::none: break;
        }
        throw std::logic_error("nothing to inspect");
    };
    return {.op = op(), .id = std::move(id)};
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
    // Assigned, not opened: so the reactor lets go of it when it is closed, even if closed_by_peer() has a duplicate.
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) throw EngineFailure("no descriptor is left for a connection to the engine");
    Socket socket(io_.get_executor(), Unix(), descriptor);
    const auto [error] = co_await socket.async_connect(Unix::endpoint(path_), use_task_tuple);
    if (error) throw EngineFailure("cannot connect to the engine at " + path_ + ": " + error.message());
    Wire wire(std::make_unique<SocketTransport>(std::move(socket)));
    co_return Upstream(*this, std::move(wire), false);
}

std::string Engine::head_of(const EngineRequest& request, std::string_view framing, std::string_view upgrade) const
{
    const rules::Endpoint& row = rules::endpoint(request.op);
    const rules::Version version = request.version.value_or(versions_.newest);
    HeadWriter head = HeadWriter::request(rules::method_name(row.method), rules::target_of(row, version, request.id, request.query));
    if (!request.registry_auth.empty()) head.add("X-Registry-Auth", request.registry_auth);
    if (!request.registry_config.empty()) head.add("X-Registry-Config", request.registry_config);
    for (const auto& [name, value] : request.headers) head.add(name, value);
    if (!upgrade.empty()) head.add("Connection", "Upgrade").add("Upgrade", upgrade);
    std::string text = std::move(head).finish();
    text.insert(text.size() - 2, framing);
    return text;
}

Task<Upstream> Engine::send(const EngineRequest& request, std::string_view upgrade)
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
    const std::string head = head_of(request, framing);
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

Task<Answer> Engine::call(const EngineRequest& request, Spend* spend)
{
    const rules::Endpoint& row = rules::endpoint(request.op);
    Upstream upstream = co_await send(request);
    ResponseHead head = co_await upstream.read_head(row.method == rules::Method::head);
    std::vector<Lock::Held> turns;
    // Only reads wait for the job's pace, and before they hold a turn that all jobs share: that something was made is told at once.
    const bool waits = spend && row.method == rules::Method::get;
    const auto large = [&]() -> Task<> {
        if (spend) {
            Lock::Held turn = co_await spend->hold_answer();
            turns.push_back(std::move(turn));
        }
        if (waits) co_await spend->pay();
        Lock::Held turn = co_await large_.hold();
        turns.push_back(std::move(turn));
    };
    std::string body = co_await upstream.read_body(head, answer_max, large);
    if (spend && spend->text(body.size())) {
        if (waits && turns.empty())
            co_await spend->pay();
        else
            spend->owe();
    }
    if (row.method != rules::Method::get) db::fault_point("after", row.name);
    co_return Answer{head.status, std::string(head.header("content-type")), std::move(body), std::move(turns)};
}

Task<Answer> Engine::inspect(rules::Kind kind, std::string id, Spend* spend)
{
    const EngineRequest request = inspection_of(kind, std::move(id));
    co_return co_await call(request, spend);
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
        throw EngineFailure("the engine speaks API " + rules::to_string(*oldest) + " and newer; this berth speaks up to " +
                            rules::to_string(rules::newest_version));
    server_version_ = version.value("Version", "");
    const EngineRequest about{.op = rules::Op::system_info};
    const Answer info = co_await call(about);
    if (!info.ok()) throw failure_of("the engine's info cannot be read", info);
    root_directory_ = info.json().value("DockerRootDir", "");
    known_ = true;
}

}  // namespace broker
