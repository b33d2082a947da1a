#include "bench/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "bench/chunks.h"

namespace bench {
namespace {

std::string lower(std::string_view text)
{
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    return result;
}

}  // namespace

Socket::Socket(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return;
    const int error = errno;
    close(fd_);
    throw std::system_error(error, std::generic_category(), path);
}

Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept
{
    std::swap(fd_, other.fd_);
    return *this;
}

Socket::~Socket()
{
    if (fd_ >= 0) close(fd_);
}

void Socket::send(std::string_view bytes) const
{
    while (!bytes.empty()) {
        const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) throw std::system_error(errno, std::generic_category(), "send");
        bytes.remove_prefix(sent);
    }
}

void Socket::end() const
{
    shutdown(fd_, SHUT_WR);
}

std::string_view Socket::receive() const
{
    static std::array<char, 256 * 1024> buffer;
    const auto got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0) throw std::system_error(errno, std::generic_category(), "recv");
    return {buffer.data(), static_cast<std::size_t>(got)};
}

std::optional<Response> head_of(std::string_view bytes)
{
    const auto end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const std::string head = lower(bytes.substr(0, end + 2));
    Response response;
    response.status = std::atoi(head.c_str() + std::min<std::size_t>(9, head.size()));
    response.head = response.size = end + 4;
    response.chunked = head.find("\r\ntransfer-encoding: chunked\r\n") != std::string::npos;
    response.last = head.find("\r\nconnection: close\r\n") != std::string::npos;
    return response;
}

std::optional<Response> response_of(std::string_view bytes)
{
    auto response = head_of(bytes);
    if (!response || response->status == 204 || response->status == 304) return response;
    if (response->chunked) {
        Chunks chunks;
        response->size += chunks.take(bytes.substr(response->head));
        if (!chunks.done()) return std::nullopt;
        return response;
    }
    const std::string head = lower(bytes.substr(0, response->head));
    const auto at = head.find("\r\ncontent-length:");
    if (at != std::string::npos) response->size += std::strtoull(head.c_str() + at + 17, nullptr, 10);
    return bytes.size() >= response->size ? response : std::nullopt;
}

std::string request(const std::string& method, const std::string& path, const std::string& body)
{
    std::string bytes = method + " " + path +
                        " HTTP/1.1\r\nHost: api.moby.localhost\r\n"
                        "User-Agent: Docker-Client/28.5.2 (linux)\r\n";
    if (method != "GET") bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    if (!body.empty()) bytes += "Content-Type: application/json\r\n";
    return bytes + "\r\n" + body;
}

std::string ask(const std::string& socket, const std::string& request, int status)
{
    const Socket connection(socket);
    connection.send(request);
    std::string in;
    for (;;) {
        const auto got = connection.receive();
        in.append(got);
        const auto response = response_of(in);
        if (!response && !got.empty()) continue;
        if (!response || response->status != status) unexpected(request, in);
        return in.substr(response->head);
    }
}

void unexpected(std::string_view sent, std::string_view got)
{
    throw std::runtime_error("the answer was\n" + std::string(got.substr(0, 1000)) + "\nto\n" +
                             std::string(sent.substr(0, 300)));
}

}  // namespace bench
