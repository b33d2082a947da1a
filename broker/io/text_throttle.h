#pragma once

#include <algorithm>
#include <list>

#include "broker/io/lock.h"

namespace broker {

/// What a job may have of something in a second, with a second's worth at once.
class RateLimiter {
public:
    /// How long what comes now waits for its turn, at most `longest`. `cost`: of the second.
    Clock::duration turn(Clock::time_point now, Clock::duration cost, Clock::duration longest = std::chrono::hours(1))
    {
        next_ = std::max(next_, now - 1s) + cost;
        next_ = std::min(next_, now + longest);
        return std::max(next_ - now, Clock::duration::zero());
    }

private:
    Clock::time_point next_{};
};

/// Bounds the long texts of one job: heads, JSON bodies, the engine's answers, lines of streams. Each byte of them costs the thread that all
/// jobs share, and often the engine. All together have so many bytes in a second, and of the longest there is one of a kind at a time: a job
/// that asks for more waits for itself.
class TextThrottle {
public:
    static constexpr std::size_t short_max = std::size_t{4} << 10;  ///< a text of so many bytes is free
    static constexpr std::size_t in_a_second = std::size_t{4} << 20;

    Lock body;    ///< held by the request whose JSON body is a large one, to its end
    Lock answer;  ///< held by the request to which a large answer of the engine is being shown
    Lock line;    ///< held while one of the streams reads a long line

    /// Waits until `bytes` more may be read.
    Task<> take(std::size_t bytes)
    {
        const auto wait = owe(bytes);
        if (over_ || wait == Clock::duration::zero()) co_return;
        Timer timer(co_await asio::this_coro::executor, wait);
        const Waiting waiting(waiting_, timer);
        co_await timer.async_wait(use_task_tuple);
    }

    /// Charges `bytes` without waiting, for a caller that holds what other jobs wait for. For how long the next take() waits.
    Clock::duration owe(std::size_t bytes)
    {
        return limiter_.turn(Clock::now(), std::chrono::nanoseconds(bytes * (1'000'000'000 / in_a_second)));
    }

    /// The job ends, or the daemon: nobody waits any more.
    void end()
    {
        over_ = true;
        for (Timer* each : waiting_) each->cancel();
    }

private:
    class Waiting {
    public:
        Waiting(std::list<Timer*>& all, Timer& timer) : all_(all), place_(all.insert(all.end(), &timer)) {}
        Waiting(const Waiting&) = delete;
        Waiting& operator=(const Waiting&) = delete;
        ~Waiting() { all_.erase(place_); }

    private:
        std::list<Timer*>& all_;
        std::list<Timer*>::iterator place_;
    };

    RateLimiter limiter_;
    std::list<Timer*> waiting_;
    bool over_ = false;
};

}  // namespace broker
