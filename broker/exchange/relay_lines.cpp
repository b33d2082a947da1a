#include "broker/exchange/relay_lines.h"

#include "broker/exchange/relay.h"
#include "broker/http/lines.h"

namespace broker {

Task<std::string> begin_lines(Call& call, Upstream& upstream, const LineView& view)
{
    const ResponseHead head = co_await answer_head(call, upstream);
    Client& client = call.client;
    co_await client.begin(head.status, head.header("content-type"));
    BodyReader body(upstream.wire(), head);
    Lines lines;
    std::string out;
    for (;;) {
        const std::string_view piece = co_await upstream.next(body);
        if (piece.empty()) break;
        if (call.spend.part(piece.size())) co_await call.spend.pay();
        lines.feed(piece);
        Slices slices;
        while (const auto line = lines.next()) {
            // Of the many streams that a job may have only one at a time reads a long line.
            std::optional<Lock::Held> turn;
            if (line->size() > TextThrottle::short_max) {
                Lock::Held held = co_await call.spend.hold_line();
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

Task<> relay_lines(Call& call, Upstream& upstream, const LineView& view, const std::function<Task<>()>& before_end)
{
    const std::string last = co_await begin_lines(call, upstream, view);
    if (before_end) co_await before_end();
    co_await call.client.piece(last);
    co_await call.client.end();
}

Task<> send_for_lines(Call& call, const EngineRequest& request, std::optional<std::uint64_t> length, const std::function<Task<>(Upstream&)>& body,
                      const LineView& view, const std::function<Task<>()>& before_end)
{
    call.client.will_send_messages();
    Upstream upstream = co_await call.services.engine.send_head(request, length, "application/x-tar");
    const CutWithJob while_relayed(call.connection, upstream);
    const auto send = [&]() -> Task<> {
        co_await body(upstream);
        co_await forever();
    };
    const auto answer = [&]() -> Task<> {
        co_await relay_lines(call, upstream, view, before_end);
    };
    const auto both = [&]() -> Task<> { co_await race(answer(), send()); };
    co_await while_client_stays(call, both());
}

Task<> upload_for_lines(Call& call, const EngineRequest& request, const LineView& view, const std::function<Task<>()>& before_end)
{
    const auto body = [&call](Upstream& upstream) { return upload(call, upstream); };
    co_await send_for_lines(call, request, upload_length(call), body, view, before_end);
}

Task<> pass_lines(Upstream& upstream, const ResponseHead& head, const LineSink& sink)
{
    constexpr std::size_t line_max = std::size_t{2} << 20;  // the longest instruction, each byte written as six, twice
    BodyReader body(upstream.wire(), head);
    std::string pending;
    bool too_long = false, skipping = false;
    for (;;) {
        const std::string_view piece = co_await upstream.next(body);
        if (piece.empty()) break;
        pending.append(piece);
        if (skipping) {
            const std::size_t end = pending.find('\n');
            skipping = end == pending.npos;
            pending.erase(0, skipping ? pending.npos : end + 1);
        }
        const std::size_t lines = pending.rfind('\n') + 1;
        if (lines > 0) co_await sink(std::string_view(pending).substr(0, lines));
        pending.erase(0, lines);
        if (pending.size() > line_max) {
            too_long = skipping = true;
            pending.clear();
        }
    }
    upstream.finished(head);
    if (!pending.empty()) co_await sink(pending);
    // Said at the end only: what the engine does goes on, and its other lines tell of it.
    if (too_long) throw Refused{{502, "berth: a line of the engine's answer was too long to be shown"}};
}

}  // namespace broker
