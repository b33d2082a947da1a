#pragma once

#include <cstdint>
#include <string_view>

namespace broker {

struct Job;

/// By which right a connection speaks for a job.
enum class Right : std::uint8_t {
    door,  ///< it came in at the job's own socket: whoever can open that file
};
constexpr std::string_view right_name(Right right)
{
    switch (right) {
    case Right::door: return "door";
    }
    return "?";
}

/// Who speaks on a connection. Whoever accepted it found that out; it holds as long as the connection.
struct Caller {
    Job& job;
    Right right;
};

}  // namespace broker
