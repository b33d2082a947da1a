#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "broker/exchange/call.h"

// Answers that stream lines of JSON: progress, events, stats.
namespace broker {

/// Rewrites an answer that streams lines of JSON; empty drops the line.
using LineView = std::function<std::string(std::string_view line)>;

/// Passes the answer on line by line, but for its end; what stands behind the last end of a line is returned.
Task<std::string> begin_lines(Call& call, Upstream& upstream, const LineView& view);

/// The same to the end. `before_end` runs after the engine's last byte and before the client learns
/// that it was the last.
Task<> relay_lines(Call& call, Upstream& upstream, const LineView& view, const std::function<Task<>()>& before_end);

/// Sends `request` with a body of `length` (chunked when absent) that `body` writes, and passes the answer's lines on, as relay_lines does.
Task<> send_for_lines(Call& call, const EngineRequest& request, std::optional<std::uint64_t> length, const std::function<Task<>(Upstream&)>& body,
                      const LineView& view, const std::function<Task<>()>& before_end);

/// The same with the body of `call`.
Task<> upload_for_lines(Call& call, const EngineRequest& request, const LineView& view, const std::function<Task<>()>& before_end);

/// What a streamed answer of the engine is passed on to: one or more whole lines at a time.
using LineSink = std::function<Task<>(std::string_view lines)>;
/// Passes what is behind `head` to `sink`, to its end.
Task<> pass_lines(Upstream& upstream, const ResponseHead& head, const LineSink& sink);

}  // namespace broker
