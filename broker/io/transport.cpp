#include "broker/io/transport.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

namespace broker {

SocketTransport::SocketTransport(Socket socket) : socket_(std::move(socket))
{
    error_code ignored;
    socket_.non_blocking(true, ignored);
}

void SocketTransport::half_close()
{
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
}

void SocketTransport::close()
{
    error_code ignored;
    if (watched_) socket_.shutdown(Socket::shutdown_both, ignored);  // wakes closed_by_peer()
    socket_.close(ignored);
}

Task<> SocketTransport::closed_by_peer()
{
    // The reactor wakes an error wait on EPOLLHUP, which a unix socket shows only when both directions are closed. Beside such a wait
    // every read of the same descriptor would arm the reactor anew: a second descriptor of the socket waits.
    const int descriptor = ::fcntl(socket_.native_handle(), F_DUPFD_CLOEXEC, 0);
    if (descriptor < 0) co_return;  // closed already, or no descriptor is left: neither goes on
    Socket twin(socket_.get_executor(), Unix(), descriptor);
    watched_ = true;
    for (;;) {
        const auto [error] = co_await twin.async_wait(Socket::wait_error, use_task_tuple);
        // The reactor may wake a wait for what happened to another socket, which was closed in the same turn: the socket itself is asked.
        pollfd state{descriptor, 0, 0};
        if (error || ::poll(&state, 1, 0) != 0) co_return;
    }
}

bool SocketTransport::idle()
{
    char byte = 0;
    return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace broker
