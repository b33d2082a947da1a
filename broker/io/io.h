#pragma once

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <chrono>
#include <stdexcept>
#include <string>

// The one I/O thread in types: sockets and timers that know their executor, coroutines, and the failures of the world.
namespace broker {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

using Executor = asio::io_context::executor_type;
template <class T = void>
using Task = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_task{};
inline constexpr auto use_task_tuple = asio::as_tuple(use_task);

using Unix = asio::local::stream_protocol;
using Socket = asio::basic_stream_socket<Unix, Executor>;
using Acceptor = asio::basic_socket_acceptor<Unix, Executor>;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

/// The peer went away: nobody is left to be told.
struct Gone : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The engine cannot be reached, broke off, or answered what no engine answers.
struct EngineFailure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Waits for `limit`.
inline Task<> pause(Clock::duration limit)
{
    Timer timer(co_await asio::this_coro::executor, limit);
    co_await timer.async_wait(use_task_tuple);
}

/// Never ends but by being cancelled.
inline Task<> forever()
{
    co_await pause(std::chrono::hours(24 * 365));
}

/// Runs both until the first ends, by itself or by throwing; the other is cancelled and awaited. Which one ended first: 0 or 1.
/// (asio's own operator|| would go on waiting for the other when the first throws.)
inline Task<std::size_t> race(Task<> first, Task<> second)
{
    const Executor executor = co_await asio::this_coro::executor;
    auto group = asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(first), asio::deferred),
                                                         asio::co_spawn(executor, std::move(second), asio::deferred));
    const auto [order, error0, error1] = co_await group.async_wait(asio::experimental::wait_for_one(), use_task);
    const std::exception_ptr error = order[0] == 0 ? error0 : error1;
    if (error) std::rethrow_exception(error);
    co_return order[0];
}

/// Runs `work`; false when `limit` passed first, and `work` was cancelled.
inline Task<bool> within(Clock::duration limit, Task<> work)
{
    co_return co_await race(std::move(work), pause(limit)) == 0;
}

/// Work of a length that a job chose is done in slices, between which others have their turn.
class Slices {
public:
    bool over() const { return Clock::now() - begin_ > longest; }
    Task<> next()
    {
        const Executor executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, use_task);
        begin_ = Clock::now();
    }

private:
    static constexpr auto longest = 2ms;
    Clock::time_point begin_ = Clock::now();
};

}  // namespace broker
