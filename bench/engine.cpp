#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>

#include "bench/answers.h"
#include "bench/chunks.h"
#include "bench/connection.h"
#include "bench/request.h"

// bench_engine SOCKET BYTES RECORD: an engine that answers from a record, so that what is measured is what stands
// before it. One thread, one epoll set; a request costs it a few microseconds. BYTES is the length of the streams that
// it sends, RECORD the folder of its answers.

namespace bench {
namespace {

class Engine {
public:
    Engine(const char* path, std::uint64_t stream_bytes, const char* record);
    [[noreturn]] void run();

private:
    void accept_all();
    void readable(Connection& connection);
    void writable(Connection& connection);
    void take(Connection& connection, std::string_view bytes);
    std::size_t take_request(Connection& connection, std::string_view bytes);
    std::size_t take_upload(Connection& connection, std::string_view bytes);
    void reply(Connection& connection, Answer answer);
    void send(Connection& connection, std::string_view bytes);
    void pour(Connection& connection);
    void tell_events();
    void watch(Connection& connection, std::uint32_t events);
    void drop(Connection& connection);

    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    int listener_ = -1;
    std::uint64_t stream_bytes_;
    std::string block_ = chunked_block();
    Answers answers_;
    std::map<int, std::unique_ptr<Connection>> connections_;
    std::map<int, std::string> listening_;  // connections that are told the events, and their filters
    std::array<char, 256 * 1024> buffer_;
};

Engine::Engine(const char* path, std::uint64_t stream_bytes, const char* record)
    : stream_bytes_(stream_bytes), answers_(record)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    unlink(path);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 4096) != 0) {
        std::perror(path);
        std::_Exit(1);
    }
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
}

void Engine::run()
{
    std::array<epoll_event, 128> events;
    for (;;) {
        const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
        for (int i = 0; i < count; ++i) {
            auto* connection = static_cast<Connection*>(events[i].data.ptr);
            if (!connection)
                accept_all();
            else if (events[i].events & EPOLLOUT)
                writable(*connection);
            else
                readable(*connection);
        }
        tell_events();
    }
}

void Engine::accept_all()
{
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        auto connection = std::make_unique<Connection>();
        connection->fd = fd;
        epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
        connections_[fd] = std::move(connection);
    }
}

void Engine::readable(Connection& connection)
{
    const auto got = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got > 0) return take(connection, {buffer_.data(), static_cast<std::size_t>(got)});
    if (got == 0 && connection.after == After::source)
        return watch(connection, EPOLLOUT);  // its input is at its end, no more
    if (got == 0 && connection.after == After::sink) {
        connection.close = true;
        return send(connection, std::to_string(connection.count));
    }
    drop(connection);
}

/// Note that this may end with `connection` gone.
void Engine::take(Connection& connection, std::string_view bytes)
{
    if (connection.after == After::echo) return send(connection, bytes);
    if (connection.after == After::sink) {
        connection.count += bytes.size();
        return;
    }
    if (connection.after != After::next) return;
    if (!connection.in.empty()) {
        connection.in.append(bytes);
        const std::string all = std::exchange(connection.in, {});
        return take(connection, all);
    }
    const int fd = connection.fd;
    while (!bytes.empty()) {
        const std::size_t used = connection.upload ? take_upload(connection, bytes) : take_request(connection, bytes);
        if (!connections_.contains(fd)) return;
        if (used == 0) {
            connection.in = bytes;
            return;
        }
        bytes.remove_prefix(used);
        if (connection.after != After::next) return;  // bytes before a 101 are lost in dockerd as well
    }
}

/// The bytes of the request that was answered, 0 when it is not whole.
std::size_t Engine::take_request(Connection& connection, std::string_view bytes)
{
    auto head = parse(bytes);
    if (!head) return 0;
    connection.close = head->close;
    if (is_upload(head->request.method, head->request.path)) {
        connection.upload = true;
        connection.chunks = head->chunked ? std::optional<Chunks>(Chunks{}) : std::nullopt;
        connection.length = head->length.value_or(0);
        connection.count = 0;
        if (!head->chunked && connection.length == 0) take_upload(connection, {});
        return head->size;
    }
    std::string whole;
    std::size_t size = head->size;
    if (head->chunked) {
        Chunks chunks;
        size += chunks.take(bytes.substr(size));
        if (!chunks.done()) return 0;
        whole =
            bytes.substr(head->size, size - head->size);  // the fields looked for are found among the framing as well
        head->request.body = whole;
    } else if (head->length) {
        if (bytes.size() - size < *head->length) return 0;
        head->request.body = bytes.substr(size, *head->length);
        size += *head->length;
    }
    reply(connection, answers_.to(head->request));
    return size;
}

std::size_t Engine::take_upload(Connection& connection, std::string_view bytes)
{
    std::size_t used = 0;
    if (connection.chunks) {
        used = connection.chunks->take(bytes);
        connection.count = connection.chunks->payload();
        if (!connection.chunks->done()) return used;
    } else {
        used = std::min<std::uint64_t>(connection.length - connection.count, bytes.size());
        connection.count += used;
        if (connection.count < connection.length) return used;
    }
    connection.upload = false;
    reply(connection, uploaded(connection.count));
    return used;
}

void Engine::reply(Connection& connection, Answer answer)
{
    connection.after = answer.after;
    if (answer.after == After::source || answer.after == After::download) {
        connection.count =
            answer.after == After::source ? stream_bytes_ : stream_bytes_ / chunked_payload * block_.size();
        connection.offset = 0;
    }
    if (answer.after == After::events) listening_[connection.fd] = answer.filter;
    const bool pours = answer.after == After::source || answer.after == After::download;
    send(connection, answer.bytes);
    if (pours) watch(connection, EPOLLIN | EPOLLOUT);
}

/// Sends, and keeps what the socket does not take. A connection that is to be closed is gone once all is sent.
void Engine::send(Connection& connection, std::string_view bytes)
{
    if (connection.out.empty()) {
        const auto sent = ::send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return drop(connection);
        bytes.remove_prefix(std::max<ssize_t>(sent, 0));
    }
    connection.out.append(bytes);
    const bool pours = connection.after == After::source || connection.after == After::download;
    if (!connection.out.empty())
        watch(connection, connection.after == After::echo ? EPOLLOUT : EPOLLIN | EPOLLOUT);
    else if (connection.close && !pours && connection.after != After::events)
        drop(connection);
    else if (connection.writing && !pours)
        watch(connection, EPOLLIN);
}

void Engine::writable(Connection& connection)
{
    if (!connection.out.empty()) {
        const int fd = connection.fd;
        const std::string out = std::exchange(connection.out, {});
        send(connection, out);
        if (!connections_.contains(fd) || !connection.out.empty()) return;
    }
    if (connection.after == After::source || connection.after == After::download) pour(connection);
}

/// Sends of a source's stream what the socket takes.
void Engine::pour(Connection& connection)
{
    while (connection.count > 0) {
        const std::size_t part =
            std::min<std::uint64_t>({connection.count, block_.size() - connection.offset, 128 * 1024});
        const auto sent = ::send(connection.fd, block_.data() + connection.offset, part, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) return;
        if (sent <= 0) return drop(connection);
        connection.count -= sent;
        connection.offset = (connection.offset + sent) % block_.size();
    }
    if (connection.after == After::source) return drop(connection);
    connection.after = After::next;
    send(connection, "0\r\n\r\n");
}

void Engine::tell_events()
{
    for (const Event& event : answers_.take_events()) {
        std::array<char, 24> size{};
        std::snprintf(size.data(), size.size(), "%zx\r\n", event.line.size());
        const std::string chunk = size.data() + event.line + "\r\n";
        for (const auto& [fd, filter] : std::map(listening_))  // a copy: who is gone is dropped on the way
            if (event.wanted_by(filter)) send(*connections_.at(fd), chunk);
    }
}

void Engine::watch(Connection& connection, std::uint32_t events)
{
    epoll_event event{.events = events, .data = {.ptr = &connection}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
    connection.writing = (events & EPOLLOUT) != 0;
}

void Engine::drop(Connection& connection)
{
    const int fd = connection.fd;
    close(fd);
    listening_.erase(fd);
    connections_.erase(fd);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv)
{
    if (argc != 4) {
        std::fprintf(stderr, "usage: bench_engine SOCKET BYTES RECORD\n");
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    bench::Engine(argv[1], std::strtoull(argv[2], nullptr, 10), argv[3]).run();
}
