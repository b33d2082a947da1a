#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bench {

/// One way to the engine: its socket, and the process that stands between (0: none).
struct Target {
    std::string name;
    std::string socket;
    pid_t pid = 0;
    std::map<std::string, std::string>
        containers;  ///< ids of the containers made through this target, by their command
};

/// What one scenario measured of one target in one round. What does not apply is 0.
struct Sample {
    double rate = 0;     ///< requests per second
    double p50 = 0;      ///< microseconds
    double p99 = 0;      ///< microseconds
    double cpu = 0;      ///< microseconds of the proxy's processor time per request
    double gib = 0;      ///< GiB per second
    double cpu_gib = 0;  ///< seconds of the proxy's processor time per GiB
};

struct Load {
    std::string request;  ///< the bytes of one request
    int status = 200;     ///< of every answer
    int connections = 1;
    bool fresh = false;  ///< a new connection for each request
    double seconds = 1;
    std::uint64_t requests_max = UINT64_MAX;
};

enum class Stream { attach_up, attach_down, download, upload };

// All of these throw a std::runtime_error when an answer is not the expected one.

/// Sends `load.request` on each connection as soon as the answer to the last is there.
Sample drive(const Target& target, const Load& load);

/// 64 bytes forth and back, over and over, on the raw stream of an attach.
Sample echo(const Target& target, double seconds);

/// Moves the `bytes` that the engine was started with in one direction.
Sample move(const Target& target, Stream stream, std::uint64_t bytes);

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point start)
{
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Processor time in seconds that the target's process has used: all its threads, also those that have ended.
double cpu_seconds(const Target& target);

/// `latencies` are microseconds.
void put_latencies(Sample& sample, std::vector<float> latencies);

/// KiB of the field `name` of /proc/PID/status; 0 when the target has no process.
double memory(const Target& target, const std::string& name);

/// Lets the peak of the target's memory (VmHWM) begin anew.
void forget_peak(const Target& target);

/// KiB by which the target grows while `connections` are open and idle that have each carried one ping.
double idle_memory(const Target& target, int connections);

}  // namespace bench
