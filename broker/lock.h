#pragma once

#include <deque>

#include "broker/io.h"

namespace broker {

/// Lets one coroutine at a time through, in the order of their coming.
class Lock {
public:
    class Held {
    public:
        explicit Held(Lock& lock) : lock_(&lock) {}
        Held(Held&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
        Held& operator=(Held&&) = delete;
        ~Held()
        {
            if (lock_) lock_->release();
        }

    private:
        Lock* lock_;
    };

    /// Waits for its turn; the destructor of what it returns ends it.
    Task<Held> hold()
    {
        while (held_) {
            Timer turn(co_await asio::this_coro::executor, Clock::time_point::max());
            waiting_.push_back(&turn);
            co_await turn.async_wait(use_task_tuple);
            std::erase(waiting_, &turn);
        }
        held_ = true;
        co_return Held(*this);
    }

private:
    void release()
    {
        held_ = false;
        if (!waiting_.empty()) waiting_.front()->cancel();
    }

    bool held_ = false;
    std::deque<Timer*> waiting_;
};

}  // namespace broker
