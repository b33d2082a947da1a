#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/json.h"

namespace rules {

/// An instruction that was written anew: as the engine got it, and as its client wrote it.
struct ShownStep {
    std::string sent, written;
};

/// Follows what the classic builder prints, to learn what a build makes.
///
/// What RUN steps print comes in the same messages: ids of `made` are hints, to be checked with the engine. The result
/// comes in a message of its own, which no step can write.
class BuildOutput {
public:
    /// One JSON message of the stream.
    void read(const Json& message);

    /// The instructions that were written anew, in the order in which the builder comes to them.
    void expect(std::vector<ShownStep> steps) { steps_ = {std::make_move_iterator(steps.begin()), std::make_move_iterator(steps.end())}; }
    /// `stream`, the text of a message, as the client is shown it, when it tells of the next of those instructions.
    std::optional<std::string> as_written(std::string_view stream);

    /// The engine's id of the result, or of the last stage that is complete; empty before.
    const std::string& result() const { return result_; }
    /// Short ids after ` ---> `: images that steps made or reused, in order, each once.
    const std::vector<std::string>& made() const { return made_; }
    /// The short id of the container that runs the present step; empty when none does.
    const std::string& running() const { return running_; }
    /// Short ids of containers that were told to run since this was last asked: hints as well.
    std::vector<std::string> take_started() { return std::exchange(started_, {}); }
    bool failed() const { return failed_; }

private:
    std::string result_;
    std::vector<std::string> made_;
    std::string running_;
    std::vector<std::string> started_;
    std::deque<ShownStep> steps_;
    bool failed_ = false;
};

}  // namespace rules
