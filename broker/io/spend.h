#pragma once

#include <cstdint>
#include <utility>

#include "broker/io/text_throttle.h"

namespace broker {

/// What one request spends of its job's: bytes of texts that are read, and the turns and the time that long ones wait for. Passed along with
/// the call, so that whoever reads a text says so here. How many values a JSON text may have is bounded text by text (rules/json.h).
class Spend {
public:
    explicit Spend(TextThrottle& job) : job_(job) {}
    Spend(const Spend&) = delete;
    Spend& operator=(const Spend&) = delete;

    /// A whole text of `bytes` was read; a short one is free. True: it is to be paid, by pay() or owe().
    bool text(std::size_t bytes)
    {
        bytes_ += bytes;
        if (bytes <= TextThrottle::short_max) return false;
        due_ += bytes;
        return true;
    }
    /// The same of a part of a text, which is added to the parts before it.
    bool part(std::size_t bytes)
    {
        bytes_ += bytes;
        due_ += bytes;
        return due_ > TextThrottle::short_max;
    }
    /// There are parts that have not been paid.
    bool has_due() const { return due_ > 0; }

    /// Waits until the job's pace lets what is due through, and what the job owes from before.
    Task<> pay() { return job_.take(std::exchange(due_, 0)); }
    /// Charges what is due without waiting, for a caller that holds what other jobs wait for: the next request of the job waits.
    void owe() { job_.owe(std::exchange(due_, 0)); }

    Task<Lock::Held> hold_body() { return job_.body.hold(); }      ///< before a large JSON body is kept
    Task<Lock::Held> hold_answer() { return job_.answer.hold(); }  ///< before a large answer of the engine is
    Task<Lock::Held> hold_line() { return job_.line.hold(); }      ///< before a long line of a stream is read

    std::uint64_t bytes() const { return bytes_; }  ///< of all texts, short ones too

private:
    TextThrottle& job_;
    std::uint64_t bytes_ = 0;
    std::size_t due_ = 0;
};

}  // namespace broker
