#include "broker/exchange/relay.h"

#include <fmt/format.h>

#include "broker/archives/archive.h"
#include "broker/http/splice.h"

namespace broker {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr auto body_idle_limit = 60s;
constexpr auto last_bytes_limit = 1s;
constexpr std::size_t error_max = 256 * 1024;

/// Set once; whoever waits goes on.
class Signal {
public:
    explicit Signal(Executor executor) : timer_(executor, Clock::time_point::max()) {}
    void set()
    {
        set_ = true;
        timer_.cancel();
    }
    Task<> wait()
    {
        if (!set_) co_await timer_.async_wait(use_task_tuple);
    }

private:
    Timer timer_;
    bool set_ = false;
};

/// Passes the engine's answer on: in one write when it is short and has arrived, else piece by piece as it comes.
Task<> relay_answer(Call& call, Upstream& upstream)
{
    const bool to_head = call.route.endpoint->method == rules::Method::head;
    const ResponseHead head = co_await answer_head(call, upstream, to_head);
    if (head.status < 200 || (head.status >= 300 && head.status != 304)) throw EngineFailure("unexpected status of the engine");

    const std::string_view type = head.header("content-type");
    constexpr std::string_view stat = "X-Docker-Container-Path-Stat";
    const std::string_view path_stat = head.header("x-docker-container-path-stat");
    const Header extra_header{stat, path_stat};
    Client& client = call.client;
    if (head.framing == Framing::none || (head.framing == Framing::length && upstream.wire().buffered().size() == head.length)) {
        // What stands behind an answer without a body is nobody's; it also keeps the connection from being used again.
        const std::string_view body = head.framing == Framing::none ? std::string_view{} : upstream.wire().buffered();
        if (path_stat.empty())
            co_await client.reply(head.status, type, body);
        else
            co_await client.reply(head.status, type, body, {extra_header});
        upstream.wire().consume(body.size());
        upstream.finished(head);
        co_return;
    }

    const std::optional<std::uint64_t> length = head.framing == Framing::length ? std::optional(head.length) : std::nullopt;
    if (path_stat.empty())
        co_await client.begin(head.status, type, length);
    else
        co_await client.begin(head.status, type, length, {extra_header});
    BodyReader body(upstream.wire(), head);
    for (;;) {
        const std::string_view piece = co_await body.next();
        if (piece.empty()) break;
        co_await client.piece(piece);
    }
    co_await client.end();
    upstream.finished(head);
}

/// Bytes from one side to the other until `from` ends; then `to` learns that no more will come.
Task<> pump(Wire& from, Wire& to)
{
    constexpr std::size_t bulk = 32 * 1024;
    for (int in_bulk = 0;;) {
        if (from.buffered().empty() && !co_await from.fill()) break;
        const std::size_t size = from.buffered().size();
        co_await to.write(from.buffered());
        from.consume(size);
        if (size >= 4096) from.widen();
        in_bulk = size >= bulk ? in_bulk + 1 : 0;
        if (in_bulk < 2) continue;  // somebody may be typing
        from.narrow();
        if (co_await splice_to_end(from, to)) break;
    }
    to.half_close();
}

/// Raw bytes both ways until both sides have ended, or one is gone and what it sent last has been delivered.
Task<> relay_raw(Wire& client, Wire& upstream)
{
    const Executor executor = co_await asio::this_coro::executor;
    Signal up_done(executor), down_done(executor);
    const auto up = [&]() -> Task<> {
        try {
            co_await pump(client, upstream);
        } catch (const Gone&) {
            // The engine takes no more input; its output may still be under way.
        }
        up_done.set();
    };
    const auto down = [&]() -> Task<> {
        co_await pump(upstream, client);
        down_done.set();
    };
    const auto both = [&]() -> Task<> { co_await (up() && down()); };
    const auto gone = [&]() -> Task<> {
        if (co_await race(client.closed_by_peer(), upstream.closed_by_peer()) == 0)
            co_await within(last_bytes_limit, up_done.wait());
        else
            co_await down_done.wait();
    };
    co_await race(both(), gone());
}

}  // namespace

std::optional<std::uint64_t> upload_length(const Call& call)
{
    if (call.head.framing == Framing::chunked) return std::nullopt;
    return call.head.framing == Framing::length ? call.head.length : 0;
}

Task<ResponseHead> answer_head(Call& call, Upstream& upstream, bool to_head)
{
    ResponseHead head = co_await upstream.read_head(to_head);
    if (head.status < 400) co_return head;
    std::string body = co_await upstream.read_body(head, error_max);
    const Answer answer{head.status, std::string(head.header("content-type")), std::move(body)};
    throw Refused{error_of(call, answer)};
}

Task<> while_client_stays(Call& call, Task<> work)
{
    if (co_await race(std::move(work), call.client.wire().closed_by_peer()) != 0) throw Gone("the client has closed");
}

Task<> forward(Call& call)
{
    const EngineRequest request = call.request();
    Upstream upstream = co_await call.services.engine.send(request);
    const CutWithJob while_relayed(call.connection, upstream);
    if (call.route.endpoint->reply == rules::Reply::plain)
        co_await relay_answer(call, upstream);
    else
        co_await while_client_stays(call, relay_answer(call, upstream));
}

Task<> upload(Call& call, Upstream& upstream)
{
    BodyReader body = co_await call.client.open_body(call.head);
    const bool chunked = call.head.framing == Framing::chunked;
    Wire& engine = upstream.wire();
    for (;;) {
        call.client.deadline = Clock::now() + body_idle_limit;
        std::string_view piece;
        try {
            piece = co_await body.next();
        } catch (const BadFraming&) {
            throw Refused{{400, "malformed chunked body"}};
        }
        call.client.deadline = Clock::time_point::max();  // the engine may take its time
        const std::string size = chunked && !piece.empty() ? fmt::format("{:x}\r\n", piece.size()) : std::string();
        try {
            if (!chunked)
                co_await engine.write(piece);
            else if (piece.empty())
                co_await engine.write("0\r\n\r\n");
            else
                co_await engine.write(size, piece, "\r\n");
        } catch (const Gone&) {
            co_return;  // the engine reads no more: its answer says why
        }
        if (piece.empty()) break;
    }
    call.client.body_was_read();
    upstream.sent(true);
}

Task<> forward_upload(Call& call)
{
    const EngineRequest request = call.request();
    Upstream upstream = co_await call.services.engine.send_head(request, upload_length(call), "application/x-tar");
    const CutWithJob while_relayed(call.connection, upstream);
    const auto send = [&]() -> Task<> {
        co_await upload(call, upstream);
        co_await forever();
    };
    const auto both = [&]() -> Task<> { co_await race(relay_answer(call, upstream), send()); };
    co_await while_client_stays(call, both());
}

Task<> forward_upgrade(Call& call, const EngineRequest& request)
{
    Upstream upstream = co_await call.services.engine.send(request, call.head.upgrade ? "tcp" : "");
    const CutWithJob while_relayed(call.connection, upstream);
    Client& client = call.client;
    client.will_close();  // whatever follows on this connection, it is not another request
    ResponseHead head;
    const auto read = [&]() -> Task<> { head = co_await answer_head(call, upstream); };
    co_await while_client_stays(call, read());

    const std::string_view type = head.header("content-type");
    if (head.status != 101 && !(head.status == 200 && head.framing == Framing::until_close && type.starts_with("application/vnd.docker."))) {
        // exec start with Detach: an ordinary answer.
        const std::string body = co_await upstream.read_body(head, error_max);
        co_await client.reply(head.status, type, body);
        co_return;
    }
    HeadWriter answer = HeadWriter::response(head.status);
    answer.add("Content-Type", type);
    if (head.status == 101) answer.add("Connection", "Upgrade").add("Upgrade", "tcp");
    const std::string text = std::move(answer).finish();
    co_await client.start_raw(text);
    co_await relay_raw(client.wire(), upstream.wire());
}

}  // namespace broker
