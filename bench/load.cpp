#include "bench/load.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "bench/client.h"

namespace bench {
namespace {

struct Caller {
    Socket socket;
    std::string in;
    Clock::time_point sent;
};

/// The closed loop of `drive`.
class Driver {
public:
    Driver(const Target& target, const Load& load) : target_(target), load_(load) {}
    Driver(const Driver&) = delete;
    ~Driver() { close(epoll_); }

    Sample run();

private:
    void watch(Caller& caller) const;
    void begin(Caller& caller) const;
    void begin_anew(Caller& caller) const;
    void serve(Caller& caller);

    const Target& target_;
    const Load& load_;
    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    Clock::time_point start_ = Clock::now();
    std::size_t busy_ = 0;  // callers that wait for an answer
    std::vector<float> latencies_;
};

void Driver::watch(Caller& caller) const
{
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &caller}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, caller.socket.fd(), &event);
}

void Driver::begin(Caller& caller) const
{
    caller.sent = Clock::now();
    caller.socket.send(load_.request);
}

/// The latency of a request on a new connection has the connecting in it.
void Driver::begin_anew(Caller& caller) const
{
    const auto before = Clock::now();
    caller.socket = Socket(target_.socket);
    watch(caller);
    begin(caller);
    caller.sent = before;
}

/// Reads once, and when the answer is whole sends the next request.
void Driver::serve(Caller& caller)
{
    const auto got = caller.socket.receive();
    caller.in.append(got);
    const auto response = response_of(caller.in);
    if (!response && !got.empty()) return;
    if (!response || response->status != load_.status || response->size != caller.in.size())
        unexpected(load_.request, caller.in);
    latencies_.push_back(static_cast<float>(1e6 * seconds_since(caller.sent)));
    caller.in.clear();
    if (seconds_since(start_) >= load_.seconds || latencies_.size() + busy_ > load_.requests_max)
        --busy_;
    else if (load_.fresh || response->last)
        begin_anew(caller);
    else
        begin(caller);
}

Sample Driver::run()
{
    std::vector<Caller> callers;
    callers.reserve(load_.connections);
    const double cpu = cpu_seconds(target_);
    for (int i = 0; i < load_.connections; ++i, ++busy_) {
        callers.push_back({Socket(target_.socket), {}, {}});
        watch(callers.back());
        begin(callers.back());
    }
    std::array<epoll_event, 256> events;
    while (busy_ > 0) {
        if (load_.connections == 1) {  // without epoll the client adds least to what one caller sees
            serve(callers.front());
            continue;
        }
        const int ready = epoll_wait(epoll_, events.data(), events.size(), 10'000);
        if (ready <= 0) throw std::runtime_error("no answer for 10 s");
        for (int i = 0; i < ready; ++i) serve(*static_cast<Caller*>(events[i].data.ptr));
    }
    const auto count = static_cast<double>(latencies_.size());
    Sample sample;
    sample.rate = count / seconds_since(start_);
    sample.cpu = 1e6 * (cpu_seconds(target_) - cpu) / count;
    put_latencies(sample, std::move(latencies_));
    return sample;
}

}  // namespace

double cpu_seconds(const Target& target)
{
    clockid_t clock{};
    timespec time{};
    if (target.pid == 0) return 0;
    if (clock_getcpuclockid(target.pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        throw std::runtime_error(target.name + " has ended");
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void put_latencies(Sample& sample, std::vector<float> latencies)
{
    if (latencies.empty()) throw std::runtime_error("nothing was answered");
    std::sort(latencies.begin(), latencies.end());
    const auto at = [&](double share) {
        return latencies[static_cast<std::size_t>(share * static_cast<double>(latencies.size() - 1))];
    };
    sample.p50 = at(0.50);
    sample.p99 = at(0.99);
}

Sample drive(const Target& target, const Load& load)
{
    return Driver(target, load).run();
}

double memory(const Target& target, const std::string& name)
{
    std::ifstream status("/proc/" + std::to_string(target.pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1));
    return 0;
}

void forget_peak(const Target& target)
{
    if (target.pid != 0) std::ofstream("/proc/" + std::to_string(target.pid) + "/clear_refs") << 5;
}

double idle_memory(const Target& target, int connections)
{
    const std::string ping = request("GET", "/_ping");
    const double before = memory(target, "VmRSS");
    std::vector<Socket> open;
    for (int i = 0; i < connections; ++i) {
        open.emplace_back(target.socket);
        open.back().send(ping);
        if (open.back().receive().empty()) unexpected(ping, "nothing, as connection " + std::to_string(i + 1));
    }
    return memory(target, "VmRSS") - before;
}

}  // namespace bench
