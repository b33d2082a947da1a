#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bench {

/// A blocking connection to a unix socket. Members throw std::system_error.
class Socket {
public:
    explicit Socket(const std::string& path);
    Socket(Socket&& other) noexcept;
    Socket& operator=(Socket&& other) noexcept;
    ~Socket();

    int fd() const { return fd_; }
    void send(std::string_view bytes) const;
    void end() const;  ///< of what this side sends

    /// What has come; empty at the end of the stream. Valid until the next call on any socket.
    std::string_view receive() const;

private:
    int fd_;
};

struct Response {
    int status = 0;
    std::size_t head = 0;  ///< bytes of the head
    std::size_t size = 0;  ///< bytes of it all
    bool chunked = false;
    bool last = false;  ///< the connection carries no more
};

/// The response at the front of `bytes`, its `size` without a body; nullopt when its head is not whole.
std::optional<Response> head_of(std::string_view bytes);

/// The response at the front of `bytes`; nullopt when it is not whole.
std::optional<Response> response_of(std::string_view bytes);

/// The bytes of a request with the usual head of a docker client.
std::string request(const std::string& method, const std::string& path, const std::string& body = {});

/// One exchange on a connection of its own; gives the answer's body, with its chunks' framing if it has any.
/// Throws std::runtime_error when the answer's status is another.
std::string ask(const std::string& socket, const std::string& request, int status);

/// Throws std::runtime_error: `got` is not what was expected in return for `sent`.
[[noreturn]] void unexpected(std::string_view sent, std::string_view got);

}  // namespace bench
