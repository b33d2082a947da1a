#pragma once

#include <functional>

#include "broker/exchange/call.h"

namespace broker {

/// Names the engine's connection in the job's list for as long as the exchange lasts, so that the job's end can cut it.
class CutWithJob {
public:
    CutWithJob(Connection& connection, Upstream& upstream) : connection_(connection) { connection_.upstream = &upstream.wire(); }
    CutWithJob(const CutWithJob&) = delete;
    CutWithJob& operator=(const CutWithJob&) = delete;
    ~CutWithJob() { connection_.upstream = nullptr; }

private:
    Connection& connection_;
};

/// The head of the engine's answer, to HEAD when `to_head`; the engine's error ends the request.
Task<ResponseHead> answer_head(Call& call, Upstream& upstream, bool to_head = false);

/// Sends the request of `call` as it stands and passes the answer on: short, streamed or late.
Task<> forward(Call& call);

/// The same for a row whose body is a stream (a tar): relayed with back-pressure while the answer may already come.
Task<> forward_upload(Call& call);

/// The same for attach and exec start: once the engine has switched, raw bytes both ways, half-closes included, until both ends are done.
Task<> forward_upgrade(Call& call, const EngineRequest& request);

/// Runs `work` until it ends or the client has closed its connection; then `work` is cancelled and Gone thrown.
Task<> while_client_stays(Call& call, Task<> work);

/// The body of `call`, written to the engine.
Task<> upload(Call& call, Upstream& upstream);
/// How that body is framed toward the engine; chunked when absent.
std::optional<std::uint64_t> upload_length(const Call& call);

}  // namespace broker
