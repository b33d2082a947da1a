#pragma once

#include "broker/exchange/relay.h"
#include "broker/http2/grpc.h"

namespace broker {

/// A connection of the engine's that speaks HTTP/2 from here on.
Task<Upstream> switched_engine(Call& call, const EngineRequest& request);
/// The engine's connection for the client's request to speak HTTP/2 on it, and the client's own, both switched.
Task<Upstream> switch_to_http2(Call& call, const EngineRequest& request);

/// Runs coroutines beside the one that has them, which waits for their end.
class Children {
public:
    explicit Children(Executor executor) : executor_(executor), ended_(executor) {}

    std::size_t count() const { return count_; }
    /// `work` handles its own failures.
    void run(Task<> work);
    Task<> all_ended();

private:
    Executor executor_;
    Wakeup ended_;
    std::size_t count_ = 0;
};

/// Runs both connections until the first ends; then the streams of both are over, and `children` have ended.
Task<> run_both(Http2Connection& first, Http2Connection& second, Children& children);

}  // namespace broker
