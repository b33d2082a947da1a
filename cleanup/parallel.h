#pragma once

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <vector>

#include "db/store.h"

namespace cleanup {

/// Awaits `work(0)` to `work(count - 1)`, begun in this order, at most `at_once` of them at a time. What one of them throws keeps none of
/// the others from being done, and is thrown at the end.
template <class Work>
db::Task<void> side_by_side(std::size_t count, std::size_t at_once, const Work& work)
{
    namespace asio = boost::asio;
    using Executor = asio::io_context::executor_type;
    const Executor executor = co_await asio::this_coro::executor;
    std::size_t next = 0;
    std::exception_ptr failed;
    const auto worker = [&]() -> db::Task<void> {
        while (next < count) {
            try {
                co_await work(next++);
            } catch (...) {
                failed = std::current_exception();
            }
        }
    };
    std::vector<decltype(asio::co_spawn(executor, worker(), asio::deferred))> workers;
    while (workers.size() < std::min(count, at_once)) workers.push_back(asio::co_spawn(executor, worker(), asio::deferred));
    if (workers.empty()) co_return;
    auto group = asio::experimental::make_parallel_group(std::move(workers));
    co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable_t<Executor>());
    if (failed) std::rethrow_exception(failed);
}

}  // namespace cleanup
