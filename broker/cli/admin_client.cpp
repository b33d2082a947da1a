#include "broker/cli/admin_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "broker/http/http.h"
#include "broker/io/io.h"

namespace broker {

namespace {

constexpr std::chrono::seconds close_margin(3);  ///< for the daemon to say what is left

/// The answer comes in one piece, once it is there. Who waits for it at a terminal sees that it takes its time. False
/// when the limit is over.
bool await_answer(int socket, std::optional<std::chrono::seconds> limit)
{
    const bool shown = ::isatty(STDERR_FILENO) != 0;
    const auto begun = std::chrono::steady_clock::now();
    pollfd answered{socket, POLLIN, 0};
    for (std::chrono::seconds waited{0}; ::poll(&answered, 1, 1000) == 0;) {
        waited = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun);
        if (limit && waited >= *limit) return false;
        if (shown) fmt::print(stderr, "\rberth: waiting, {} s", waited.count());
    }
    if (shown && std::chrono::steady_clock::now() - begun > std::chrono::seconds(1)) fmt::print(stderr, "\r\033[K");
    return true;
}

}  // namespace

rules::Json ask_daemon(const std::string& admin_socket, const std::string& method, const std::string& target, const std::optional<rules::Json>& body,
                       std::optional<std::chrono::seconds> limit)
{
    asio::io_context io;
    Unix::socket socket(io);
    error_code error;
    socket.connect(Unix::endpoint(admin_socket), error);
    if (error) throw NoDaemon("cannot reach the daemon at " + admin_socket + " (" + error.message() + "): is `berth serve` running?");

    const std::string text = body ? body->dump() : std::string();
    HeadWriter head = HeadWriter::request(method, target);
    head.add("Connection", "close");
    if (body) head.add("Content-Type", "application/json");
    if (method == "POST") head.add("Content-Length", text.size());
    asio::write(socket, asio::buffer(std::move(head).finish() + text), error);
    if (error) throw std::runtime_error("the daemon at " + admin_socket + " does not answer: " + error.message());

    if (!await_answer(socket.native_handle(), limit))
        throw std::runtime_error("the daemon at " + admin_socket + " does not answer: it waits for the engine, or hangs; see its log");
    std::string answer;
    asio::read(socket, asio::dynamic_buffer(answer), error);
    const std::size_t length = head_length(answer);
    if (length == 0) throw std::runtime_error("the daemon at " + admin_socket + " broke off: see its log");
    const auto parsed = parse_response(std::string_view(answer).substr(0, length), false);
    if (!parsed || parsed->framing == Framing::chunked) throw std::runtime_error("what answers at " + admin_socket + " is not berth");
    const rules::Json json = rules::Json::parse(answer.substr(length), nullptr, false);
    if (json.is_discarded()) throw std::runtime_error("what answers at " + admin_socket + " is not berth");
    if (parsed->status >= 400) throw std::runtime_error(json.is_object() ? json.value("message", "the daemon refused") : "the daemon refused");
    return json;
}

rules::Json ask_to_close(const std::string& admin_socket, const std::string& path, std::chrono::seconds timeout)
{
    return ask_daemon(admin_socket, "POST", path + "/close?timeout=" + std::to_string(timeout.count()), std::nullopt, timeout + close_margin);
}

void hold_job(const std::string& admin_socket, const std::string& key)
{
    const auto hold = [admin_socket, target = "/jobs/" + key + "/hold"] {
        for (;; std::this_thread::sleep_for(500ms)) {
            asio::io_context io;
            Unix::socket socket(io);
            error_code error;
            socket.connect(Unix::endpoint(admin_socket), error);
            if (error) continue;
            HeadWriter head = HeadWriter::request("POST", target);
            head.add("Content-Length", std::uint64_t{0});
            asio::write(socket, asio::buffer(std::move(head).finish()), error);
            std::array<char, 1024> answer{};
            while (!error) socket.read_some(asio::buffer(answer), error);
        }
    };
    std::thread(hold).detach();
}

}  // namespace broker
