#pragma once

#include "broker/io/io.h"

namespace broker {

/// Wakes the one coroutine that waits for it. A wake that nobody waited for ends the next wait.
class Wakeup {
public:
    explicit Wakeup(Executor executor) : timer_(executor, Clock::time_point::max()) {}

    void wake()
    {
        woken_ = true;
        timer_.cancel();
    }
    Task<> wait()
    {
        if (!woken_) co_await timer_.async_wait(use_task_tuple);
        woken_ = false;
    }

private:
    Timer timer_;
    bool woken_ = false;
};

/// Wakes all coroutines that wait at that moment: each looks first whether it has to.
class Broadcast {
public:
    explicit Broadcast(Executor executor) : timer_(executor, Clock::time_point::max()) {}

    void wake() { timer_.cancel(); }
    Task<> wait() { co_await timer_.async_wait(use_task_tuple); }

private:
    Timer timer_;
};

}  // namespace broker
