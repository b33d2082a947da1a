#pragma once

#include <string>
#include <vector>

#include "rules/json.h"

namespace rules {

/// Follows what the classic builder prints, to learn what a build makes.
///
/// What RUN steps print comes in the same messages: ids of `made` are hints, to be checked with the engine. The result
/// comes in a message of its own, which no step can write.
class BuildOutput {
public:
    /// One JSON message of the stream.
    void read(const Json& message);

    /// The engine's id of the result, or of the last stage that is complete; empty before.
    const std::string& result() const { return result_; }
    /// Short ids after ` ---> `: images that steps made or reused, in order, each once.
    const std::vector<std::string>& made() const { return made_; }
    /// The short id of the container that runs the present step; empty when none does.
    const std::string& running() const { return running_; }
    bool failed() const { return failed_; }

private:
    std::string result_;
    std::vector<std::string> made_;
    std::string running_;
    bool failed_ = false;
};

}  // namespace rules
