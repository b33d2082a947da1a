#include "broker/io/offload.h"

#include <cstdlib>
#include <exception>

namespace broker {
namespace {

/// Threads for what blocks; they belong to the event loop, which waits for them before it is destroyed.
class Pools : public asio::execution_context::service {
public:
    using key_type = Pools;
    static inline asio::execution_context::id id;

    explicit Pools(asio::execution_context& owner) : service(owner) {}
    void shutdown() override
    {
        for (asio::thread_pool* each : {&host_, &archives_, &names_, &json_}) each->stop();
        for (asio::thread_pool* each : {&host_, &archives_, &names_, &json_}) each->join();
    }
    asio::thread_pool& pool(Threads kind)
    {
        switch (kind) {
            case Threads::host: return host_;
            case Threads::archive: return archives_;
            case Threads::name: return names_;
            case Threads::json: return json_;
        }
        std::abort();
    }

private:
    asio::thread_pool host_{2};
    asio::thread_pool archives_{4};  // a job reads one archive at a time (Job::unpacking)
    asio::thread_pool names_{4};     // a job looks one name up at a time (Resolver)
    asio::thread_pool json_{1};
};

}  // namespace

Task<> offload(std::function<void()> work, Threads kind)
{
    const Executor executor = co_await asio::this_coro::executor;
    auto& pool = asio::use_service<Pools>(asio::query(executor, asio::execution::context)).pool(kind);
    const auto start = [&pool, &work, executor](auto handler) {
        asio::post(pool, [work = std::move(work), guard = asio::make_work_guard(executor),
                          handler = std::move(handler)]() mutable {
            std::exception_ptr error;
            try {
                work();
            } catch (...) {
                error = std::current_exception();
            }
            asio::post(guard.get_executor(),
                       [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(std::exception_ptr)>(start, use_task);
}

}  // namespace broker
