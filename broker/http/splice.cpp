#include "broker/http/splice.h"

#include <fcntl.h>
#include <unistd.h>

namespace broker {
namespace {

constexpr std::size_t pipe_size = 256 * 1024;

class Pipe {
public:
    Pipe()
    {
        open_ = ::pipe2(ends_, O_NONBLOCK | O_CLOEXEC) == 0;
        if (open_) ::fcntl(ends_[1], F_SETPIPE_SZ, pipe_size);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe()
    {
        if (!open_) return;
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    bool open() const { return open_; }

    /// Up to a pipe full from `socket`: bytes, 0 at its end, -1 with errno.
    ssize_t take(int socket) const { return ::splice(socket, nullptr, ends_[1], nullptr, pipe_size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK); }
    ssize_t give(int socket, std::size_t bytes) const
    {
        return ::splice(ends_[0], nullptr, socket, nullptr, bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    }

private:
    int ends_[2] = {-1, -1};
    bool open_ = false;
};

Task<> ready(Socket& socket, Socket::wait_type what)
{
    const auto [error] = co_await socket.async_wait(what, use_task_tuple);
    if (error) throw Gone("wait: " + error.message());
}

}  // namespace

Task<bool> splice_to_end(Wire& from, Wire& to)
{
    Socket* const source = from.transport().plain_socket();
    Socket* const sink = to.transport().plain_socket();
    if (!source || !sink) co_return false;
    const Pipe pipe;
    if (!pipe.open()) co_return false;
    for (;;) {
        const ssize_t got = pipe.take(source->native_handle());
        if (got == 0) co_return true;
        if (got < 0) {
            if (errno != EAGAIN) throw Gone("splice: read");
            co_await ready(*source, Socket::wait_read);
            continue;
        }
        for (ssize_t left = got; left > 0;) {
            const ssize_t put = pipe.give(sink->native_handle(), static_cast<std::size_t>(left));
            if (put > 0) {
                left -= put;
                continue;
            }
            if (errno != EAGAIN) throw Gone("splice: write");
            co_await ready(*sink, Socket::wait_write);
        }
    }
}

}  // namespace broker
