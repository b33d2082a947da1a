#pragma once

#include <algorithm>

#include "broker/lock.h"

namespace broker {

/// What a job may have of something in a second, with a second's worth at once.
class Pace {
public:
    /// How long what comes now waits for its turn. `cost`: of the second.
    Clock::duration turn(Clock::time_point now, Clock::duration cost)
    {
        constexpr Clock::duration longest = 5s;
        next_ = std::max(next_, now - 1s) + cost;
        next_ = std::min(next_, now + longest);
        return std::max(next_ - now, Clock::duration::zero());
    }

private:
    Clock::time_point next_{};
};

/// The long texts of one job: heads, JSON bodies, the engine's answers, lines of streams. Each byte of them costs the thread on which all
/// jobs wait, and often the engine. So of each kind one is read at a time, and all together have a pace: who asks for more than that waits
/// behind himself, and not the others behind him.
class LongTexts {
public:
    static constexpr std::size_t is_short = std::size_t{8} << 10;     ///< so many bytes are free
    static constexpr std::size_t in_a_second = std::size_t{4} << 20;

    Lock body;    ///< held by the request whose JSON body is a large one, to its end
    Lock answer;  ///< held by the request to which a large answer of the engine is being shown
    Lock line;    ///< held while one of the streams reads a long line

    /// Waits until `bytes` more may be read.
    Task<> take(std::size_t bytes)
    {
        const auto wait = pace_.turn(Clock::now(), std::chrono::nanoseconds(bytes * (1'000'000'000 / in_a_second)));
        if (wait > Clock::duration::zero()) co_await pause(wait);
    }

private:
    Pace pace_;
};

}  // namespace broker
