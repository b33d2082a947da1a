#include "broker/http/client.h"

#include <array>
#include <charconv>

#include "broker/io/offload.h"

namespace broker {
namespace {

constexpr auto head_limit = 10s;
constexpr auto body_idle_limit = 60s;
constexpr auto linger_limit = 2s;
constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

bool is_json_type(std::string_view type)
{
    return equal_fold(type.substr(0, type.find(';')), "application/json");
}

/// dockerd reads parameters from such bodies before it reads the query: they never go on, on any route.
bool is_form_type(std::string_view type)
{
    const std::string_view media = type.substr(0, type.find(';'));
    return equal_fold(media, "application/x-www-form-urlencoded") || equal_fold(media.substr(0, 10), "multipart/");
}

}  // namespace

Client::Client(std::unique_ptr<Transport> transport, const std::string& headers) : wire_(std::move(transport)), headers_(headers) {}

Task<std::optional<RequestHead>> Client::read_head()
{
    answered_ = false;
    messages_ = false;
    between_pieces_ = false;
    to_head_ = false;
    std::size_t length = head_length(wire_.buffered());
    while (length == 0) {
        const bool partial = !wire_.buffered().empty();
        if (partial && deadline == Clock::time_point::max()) deadline = Clock::now() + head_limit;
        if (wire_.buffered().size() > head_max) break;
        if (!co_await wire_.fill()) co_return std::nullopt;
        length = head_length(wire_.buffered());
    }
    deadline = Clock::time_point::max();
    if (length == 0 || length > head_max) {
        co_await refuse_head({431, "the request head is too long"});
        co_return std::nullopt;
    }
    auto head = parse_request(wire_.buffered().substr(0, length));
    wire_.consume(length);
    if (head && (!head->header("x-registry-auth").empty() || !head->header("x-registry-config").empty())) wire_.wipe();
    std::optional<rules::Error> bad;
    if (!head)
        bad = head.error();
    else if (is_form_type(head->header("content-type")))
        bad = rules::Error{400, "form bodies are not accepted: send parameters in the query"};
    if (bad) {
        co_await refuse_head(std::move(*bad));
        co_return std::nullopt;
    }
    keep_alive_ = head->keep_alive;
    minor_ = head->minor;
    to_head_ = head->method == "HEAD";
    body_unread_ = head->framing != Framing::none;
    co_return std::move(*head);
}

Task<> Client::refuse_head(rules::Error error)
{
    keep_alive_ = false;
    body_unread_ = true;
    error.rule = "framing";
    error.field = "request head";
    error.value = error.message;  // of the head itself nothing is kept: it may hold credentials
    refused_head_ = std::move(error);
    const rules::Error answered = *refused_head_;
    co_await refuse(answered);
}

Task<rules::Result<rules::Json>> Client::read_json(const RequestHead& head, std::size_t limit, Spend& spend, std::optional<Lock::Held>& turn)
{
    if (head.framing == Framing::none) co_return rules::Json::object();
    if (!is_json_type(head.header("content-type"))) co_return rules::bad_request("Content-Type must be application/json");
    if (head.framing == Framing::length && head.length > limit) co_return tl::unexpected(rules::Error{413, "the request body is too large"});
    BodyReader reader = co_await open_body(head);
    std::string text;
    try {
        for (;;) {
            deadline = Clock::now() + body_idle_limit;
            const std::string_view piece = co_await reader.next();
            if (piece.empty()) break;
            if (text.size() + piece.size() > small_body && !turn) {
                deadline = Clock::time_point::max();  // it is not the peer who keeps us waiting
                Lock::Held held = co_await spend.hold_body();
                turn.emplace(std::move(held));
            }
            if (text.size() + piece.size() > limit) co_return tl::unexpected(rules::Error{413, "the request body is too large"});
            text.append(piece);
        }
    } catch (const BadFraming&) {
        co_return rules::bad_request("malformed chunked body");
    }
    deadline = Clock::time_point::max();
    body_unread_ = false;
    wire_.wipe();  // a login, the environment of a container
    if (text.empty()) co_return rules::Json::object();
    if (spend.text(text.size())) co_await spend.pay();
    if (!turn) co_return rules::parse_json(text);
    rules::Result<rules::Json> body = rules::Json();
    const auto parse = [&] { body = rules::parse_json(text); };
    co_await offload(parse, Threads::json);
    co_return body;
}

Task<BodyReader> Client::open_body(const RequestHead& head)
{
    if (head.expects_continue && wire_.buffered().empty()) co_await wire_.write(continue_head);
    co_return BodyReader(wire_, head);
}

std::string Client::head_text(int status, std::string_view content_type, std::string_view framing, Extra extra) const
{
    HeadWriter head = HeadWriter::response(status);
    if (!content_type.empty()) head.add("Content-Type", content_type);
    for (const Header& each : extra) head.add(each.name, each.value);
    if (!keep_alive_ || body_unread_) head.add("Connection", "close");
    std::string text = std::move(head).finish();
    text.resize(text.size() - 2);
    text.append(headers_).append(framing).append("\r\n");
    return text;
}

Task<> Client::reply(int status, std::string_view content_type, std::string_view body, Extra extra)
{
    answered_ = true;
    std::array<char, 48> framing{};
    std::string_view line;
    if (status != 204 && status != 304) {
        constexpr std::string_view name = "Content-Length: ";
        char* at = std::copy(name.begin(), name.end(), framing.data());
        at = std::to_chars(at, framing.data() + framing.size(), body.size()).ptr;
        *at++ = '\r';
        *at++ = '\n';
        line = {framing.data(), static_cast<std::size_t>(at - framing.data())};
    }
    const std::string head = head_text(status, content_type, line, extra);
    if (body.size() > small_body) deadline = Clock::now() + reply_limit;
    co_await wire_.write(head, to_head_ ? std::string_view{} : body);
    deadline = Clock::time_point::max();
}

Task<> Client::reply_json(int status, const rules::Json& body)
{
    const std::string text = body.dump(-1, ' ', false, rules::Json::error_handler_t::replace) + "\n";
    co_await reply(status, "application/json", text);
}

Task<> Client::reply_empty(int status)
{
    co_await reply(status, {}, {});
}

Task<> Client::refuse(const rules::Error& error)
{
    if (!answered_) {
        const rules::Json body = {{"message", error.message}};
        co_await reply_json(error.status, body);
        co_return;
    }
    if (!messages_ || !between_pieces_) throw Gone("the answer broke off");
    const rules::Json last = {{"errorDetail", {{"message", error.message}}}, {"error", error.message}};
    const std::string text = last.dump(-1, ' ', false, rules::Json::error_handler_t::replace) + "\r\n";
    co_await piece(text);
    co_await end();
}

Task<> Client::begin(int status, std::string_view content_type, std::optional<std::uint64_t> length, Extra extra)
{
    answered_ = true;
    std::string line;
    if (length) {
        framing_ = Framing::length;
        line = "Content-Length: " + std::to_string(*length) + "\r\n";
    } else if (minor_ == 0) {
        framing_ = Framing::until_close;
        keep_alive_ = false;
    } else {
        framing_ = Framing::chunked;
        line = "Transfer-Encoding: chunked\r\n";
    }
    const std::string head = head_text(status, content_type, line, extra);
    co_await wire_.write(head);
    between_pieces_ = true;
}

Task<> Client::piece(std::string_view bytes)
{
    if (bytes.empty() || to_head_) co_return;
    between_pieces_ = false;
    if (framing_ != Framing::chunked) {
        co_await wire_.write(bytes);
        between_pieces_ = true;
        co_return;
    }
    std::array<char, 20> size{};
    char* end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    co_await wire_.write({size.data(), static_cast<std::size_t>(end - size.data())}, bytes, "\r\n");
    between_pieces_ = true;
}

Task<> Client::end()
{
    between_pieces_ = false;
    if (framing_ == Framing::chunked && !to_head_) co_await wire_.write("0\r\n\r\n");
}

Task<> Client::start_raw(std::string_view head)
{
    answered_ = true;
    co_await wire_.write(head);
}

Task<> Client::linger()
{
    wire_.half_close();
    deadline = Clock::now() + linger_limit;
    for (;;) {
        wire_.consume(wire_.buffered().size());
        if (!co_await wire_.fill()) co_return;
    }
}

}  // namespace broker
