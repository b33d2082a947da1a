#pragma once

#include <deque>

#include "broker/io/io.h"

namespace broker {

/// Lets so many coroutines through at a time, one unless said otherwise, in the order of their coming.
class Lock {
public:
    explicit Lock(int turns = 1) : free_(turns) {}
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    class Held {
    public:
        explicit Held(Lock& lock) : lock_(&lock) {}
        Held(Held&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
        Held& operator=(Held&& other) noexcept
        {
            std::swap(lock_, other.lock_);
            return *this;
        }
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
        for (bool waits = free_ == 0 || !waiting_.empty(); waits; waits = free_ == 0) {
            Waiter waiter(*this, co_await asio::this_coro::executor);
            co_await waiter.turn.async_wait(use_task_tuple);
        }
        --free_;
        wake();
        co_return Held(*this);
    }

private:
    struct Waiter {
        Waiter(Lock& lock_, Executor executor) : lock(lock_), turn(executor, Clock::time_point::max()) { lock.waiting_.push_back(&turn); }
        Waiter(const Waiter&) = delete;
        Waiter& operator=(const Waiter&) = delete;
        ~Waiter() { std::erase(lock.waiting_, &turn); }

        Lock& lock;
        Timer turn;
    };

    void release()
    {
        ++free_;
        wake();
    }
    void wake()
    {
        if (free_ > 0 && !waiting_.empty()) waiting_.front()->cancel();
    }

    int free_;
    std::deque<Timer*> waiting_;
};

}  // namespace broker
