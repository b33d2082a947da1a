#include "broker/engine/engine.h"
#include "broker/io/offload.h"

// One exchange with the engine, on a connection that may have had others before: its answer's head and body.
namespace broker {
namespace {

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
    co_await offload(read, Threads::json);
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

Upstream::Upstream(Engine& engine, Wire wire, bool pooled) : engine_(&engine), wire_(std::move(wire)), pooled_(pooled) {}

Upstream::~Upstream()
{
    if (!reusable_ || !sent_ || !wire_.transport().is_open() || !wire_.buffered().empty()) return;
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
        if (!wire_.transport().is_open()) throw;
        throw EngineFailure(gone.what());
    }
}

}  // namespace broker
