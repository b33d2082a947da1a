#include "broker/engine/engine.h"
#include "broker/http/elements.h"
#include "broker/io/offload.h"

// The engine's lists, which may be of any length: read element by element.
namespace broker {
namespace {

/// Of one element of a long list: as many values as its longest member may have, and others besides.
constexpr rules::JsonBudget element_json{2 * rules::engine_json.nodes, rules::engine_json.depth};

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

Task<Answer> Engine::list(const EngineRequest& request, Elements& elements, Spend* spend)
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
        if (spend && is_short && spend->text(text.size())) co_await spend->pay();
        if (is_short)
            give_whole(text, elements, learning);
        else
            co_await read_long_list(upstream, body, std::move(text), elements, learning, spend);
        upstream.finished(head);
        if (is_short || !learning) co_return Answer{head.status, {}, {}};
    }
}

Task<> Engine::read_long_list(Upstream& upstream, BodyReader& body, std::string text, Elements& elements, bool learning, Spend* spend)
{
    ElementCutter cutter(answer_max);
    cutter.feed(std::exchange(text, {}));
    Slices slices;
    std::optional<Lock::Held> turn;
    std::size_t others_left = others_max;
    for (;;) {
        while (const auto element = cutter.next()) {
            std::optional<rules::Json> value;
            const auto read = [&] {
                if (element->whole) value = rules::read_json(element->text, element_json);
            };
            if (element->text.size() > answer_short)
                co_await offload(read, Threads::json);
            else
                read();
            const bool is_own = value && elements.is_own(*value);
            const std::size_t cost = is_own ? element->text.size() : std::min(element->text.size(), others_left);
            if (!is_own) others_left -= cost;
            if (spend) spend->part(cost);
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
            if (spend && spend->has_due()) co_await spend->pay();
        }
        if (cutter.pending() > answer_short && !turn) {
            Lock::Held held = co_await elements_.hold();
            turn.emplace(std::move(held));
        }
        const std::string_view piece = co_await upstream.next(body);
        if (piece.empty()) break;
        cutter.feed(piece);
    }
    if (spend) spend->owe();
    if (!cutter.ended()) throw EngineFailure("the engine's list broke off");
}

}  // namespace broker
