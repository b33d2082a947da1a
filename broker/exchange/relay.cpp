#include "broker/exchange/relay.h"

#include <fmt/format.h>

#include "broker/archives/archive.h"
#include "broker/http/lines.h"
#include "broker/http/splice.h"
#include "rules/names/names.h"

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

Task<> forever()
{
    co_await pause(Clock::duration(std::chrono::hours(24 * 365)));
}

bool is_error(const ResponseHead& head) { return head.status >= 400; }

/// Throws the engine's error, which `head` is.
Task<> refuse_error(Call& call, Upstream& upstream, const ResponseHead& head)
{
    std::string body = co_await upstream.read_body(head, error_max);
    const Answer answer{head.status, std::string(head.header("content-type")), std::move(body)};
    throw Refused{error_of(call, answer)};
}

/// Passes the engine's answer on: in one write when it is short and has arrived, else piece by piece as it comes.
Task<> relay_answer(Call& call, Upstream& upstream)
{
    const bool to_head = call.route.endpoint->method == rules::Method::head;
    const ResponseHead head = co_await upstream.read_head(to_head);
    if (is_error(head)) co_await refuse_error(call, upstream, head);
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

/// How the body of `call` is framed toward the engine; chunked when absent.
std::optional<std::uint64_t> upload_length(const Call& call)
{
    if (call.head.framing == Framing::chunked) return std::nullopt;
    return call.head.framing == Framing::length ? call.head.length : 0;
}

}  // namespace

Task<> while_client_stays(Call& call, Task<> work)
{
    if (co_await race(std::move(work), call.client.wire().closed_by_peer()) != 0) throw Gone("the client has closed");
}

Task<> forward(Call& call)
{
    const EngineRequest request = call.request();
    Upstream upstream = co_await call.services.engine.send(request);
    const UpstreamShown while_relayed(call.connection, upstream);
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
    const UpstreamShown while_relayed(call.connection, upstream);
    const auto send = [&]() -> Task<> {
        co_await upload(call, upstream);
        co_await forever();
    };
    const auto both = [&]() -> Task<> { co_await race(relay_answer(call, upstream), send()); };
    co_await while_client_stays(call, both());
}

Task<> send_for_lines(Call& call, const EngineRequest& request, std::optional<std::uint64_t> length, const std::function<Task<>(Upstream&)>& body,
                      const LineView& view, const std::function<Task<>()>& before_end)
{
    call.client.will_send_messages();
    Upstream upstream = co_await call.services.engine.send_head(request, length, "application/x-tar");
    const UpstreamShown while_relayed(call.connection, upstream);
    const auto send = [&]() -> Task<> {
        co_await body(upstream);
        co_await forever();
    };
    const auto answer = [&]() -> Task<> {
        const ResponseHead head = co_await upstream.read_head();
        co_await relay_lines(call, upstream, head, view, before_end);
    };
    const auto both = [&]() -> Task<> { co_await race(answer(), send()); };
    co_await while_client_stays(call, both());
}

Task<> upload_for_lines(Call& call, const EngineRequest& request, const LineView& view, const std::function<Task<>()>& before_end)
{
    const auto body = [&call](Upstream& upstream) { return upload(call, upstream); };
    co_await send_for_lines(call, request, upload_length(call), body, view, before_end);
}

Task<> forward_upgrade(Call& call, const EngineRequest& request)
{
    Upstream upstream = co_await call.services.engine.send(request, call.head.upgrade);
    const UpstreamShown while_relayed(call.connection, upstream);
    Client& client = call.client;
    client.will_close();  // whatever follows on this connection, it is not another request
    ResponseHead head;
    const auto read = [&]() -> Task<> { head = co_await upstream.read_head(); };
    co_await while_client_stays(call, read());
    if (is_error(head)) co_await refuse_error(call, upstream, head);

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

Task<std::string> begin_lines(Call& call, Upstream& upstream, const ResponseHead& head, const LineView& view)
{
    if (is_error(head)) co_await refuse_error(call, upstream, head);
    Client& client = call.client;
    co_await client.begin(head.status, head.header("content-type"));
    BodyReader body(upstream.wire(), head);
    Lines lines;
    std::string out;
    std::size_t due = 0;
    for (;;) {
        const std::string_view piece = co_await upstream.next(body);
        if (piece.empty()) break;
        due += piece.size();
        if (due > LongTexts::short_max) co_await call.job.texts.take(std::exchange(due, 0));
        lines.feed(piece);
        Slices slices;
        while (const auto line = lines.next()) {
            // Of the many streams that a job may have only one at a time reads a long line.
            std::optional<Lock::Held> turn;
            if (line->size() > LongTexts::short_max) {
                Lock::Held held = co_await call.job.texts.line.hold();
                turn.emplace(std::move(held));
            }
            out += view(*line);
            if (turn || slices.over()) co_await slices.next();
        }
        co_await client.piece(out);
        out.clear();
    }
    upstream.finished(head);
    co_return lines.rest().empty() ? std::string() : view(lines.rest());
}

Task<> relay_lines(Call& call, Upstream& upstream, const ResponseHead& head, const LineView& view, const std::function<Task<>()>& before_end)
{
    const std::string last = co_await begin_lines(call, upstream, head, view);
    if (before_end) co_await before_end();
    co_await call.client.piece(last);
    co_await call.client.end();
}

/// The engine's errors name the host's paths: the job reads its own.
static std::string shown_paths(const Call& call, std::string text)
{
    const auto replace = [&text](const std::string& real, const std::string& own) {
        for (std::size_t at = 0; !real.empty() && (at = text.find(real, at)) != text.npos; at += own.size()) text.replace(at, real.size(), own);
    };
    for (const rules::PathMount& mount : call.job.objects.paths().mounts) {
        if (mount.root == rules::PathMount::Root::closed) continue;
        const std::string root = "/" + rules::real_name(call.job.facts.key, rules::root_volume_name(mount.directory)) + "/_data";
        if (const std::size_t at = text.find(root); at != text.npos) {  // with the engine's directory of volumes in front
            const std::size_t begin = text.find_last_of(" \"'(:=", at) + 1;
            replace(text.substr(begin, at + root.size() - begin), mount.target);
        }
        replace(mount.directory, mount.target);
    }
    replace(call.job.pins_directory, "(bound path)");
    replace(call.services.engine.root_directory(), "/var/lib/docker");
    return text;
}

std::string shown(const Call& call, std::string text)
{
    text = rules::scrub(call.job.facts.key, shown_paths(call, std::move(text)));
    const std::string& sent = call.target.id;
    if (sent.empty() || call.route.id.empty() || sent == call.route.id) return text;
    for (std::size_t at = 0; (at = text.find(sent, at)) != text.npos; at += call.route.id.size()) text.replace(at, sent.size(), call.route.id);
    return text;
}

rules::Error error_of(const Call& call, const Answer& answer)
{
    if (answer.status < 400) throw EngineFailure("unexpected status of the engine: " + std::to_string(answer.status));
    return {answer.status, shown(call, answer.message())};
}

Task<Answer> exchange(Call& call, const EngineRequest& request)
{
    return call.services.engine.call(request, &call.job.texts);
}

Task<Answer> ask(Call& call, const EngineRequest& request)
{
    Answer answer = co_await exchange(call, request);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    co_return answer;
}

Task<> ask_list(Call& call, const EngineRequest& request, Elements& elements)
{
    const Answer answer = co_await call.services.engine.list(request, elements, &call.job.texts);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
}

}  // namespace broker
