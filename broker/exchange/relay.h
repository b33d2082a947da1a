#pragma once

#include <functional>

#include "broker/exchange/call.h"

namespace broker {

/// Names the engine's connection in the job's list for as long as the exchange lasts, so that the job's end can cut it.
class UpstreamShown {
public:
    UpstreamShown(Connection& connection, Upstream& upstream) : connection_(connection) { connection_.upstream = &upstream.wire(); }
    UpstreamShown(const UpstreamShown&) = delete;
    UpstreamShown& operator=(const UpstreamShown&) = delete;
    ~UpstreamShown() { connection_.upstream = nullptr; }

private:
    Connection& connection_;
};

/// Sends the request of `call` as it stands and passes the answer on: short, streamed or late.
Task<> forward(Call& call);

/// The same for a row whose body is a stream (a tar): relayed with back-pressure while the answer may already come.
Task<> forward_upload(Call& call);

/// The same for attach and exec start: once the engine has switched, raw bytes both ways, half-closes included, until both ends are done.
Task<> forward_upgrade(Call& call, const EngineRequest& request);

/// Rewrites an answer that streams lines of JSON; empty drops the line.
using LineView = std::function<std::string(std::string_view line)>;

/// Passes the answer behind `head` on line by line, but for its end; what stands behind the last end of a line is returned.
Task<std::string> begin_lines(Call& call, Upstream& upstream, const ResponseHead& head, const LineView& view);

/// The same to the end. `before_end` runs after the engine's last byte and before the client learns
/// that it was the last.
Task<> relay_lines(Call& call, Upstream& upstream, const ResponseHead& head, const LineView& view, const std::function<Task<>()>& before_end);

/// Sends `request` with a body of `length` (chunked when absent) that `body` writes, and passes the answer's lines on, as relay_lines does.
Task<> send_for_lines(Call& call, const EngineRequest& request, std::optional<std::uint64_t> length, const std::function<Task<>(Upstream&)>& body,
                      const LineView& view, const std::function<Task<>()>& before_end);

/// The same with the body of `call`.
Task<> upload_for_lines(Call& call, const EngineRequest& request, const LineView& view, const std::function<Task<>()>& before_end);

/// Runs `work` until it ends or the client has closed its connection; then `work` is cancelled and Gone thrown.
Task<> while_client_stays(Call& call, Task<> work);

/// The body of `call`, written to the engine.
Task<> upload(Call& call, Upstream& upstream);

}  // namespace broker
