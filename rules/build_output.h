#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/json.h"
#include "rules/lookup.h"
#include "rules/result.h"

namespace rules {

/// Follows what the classic builder prints: which images a build rests on, and which it makes.
///
/// The builder resolves FROM and COPY --from in the engine's own store, out of the API's sight. A base that this job has neither pulled nor
/// made is seen here before a step runs on it, and ends the build. The words are those of moby's builder/dockerfile (Step, --->).
class BuildOutput {
public:
    explicit BuildOutput(const Lookup& job) : job_(job) {}

    /// One JSON message of the stream. 403 when the build rests on an image that is not the job's.
    Result<void> read(const Json& message);

    /// The engine's id of the result, once it is known.
    const std::string& result() const { return result_; }
    /// Short ids of every image that steps made or reused, in order.
    const std::vector<std::string>& made() const { return made_; }
    /// References that the builder itself pulled, with the job's credentials.
    const std::vector<std::string>& pulled() const { return pulled_; }
    bool failed() const { return failed_; }

private:
    Result<void> step(std::string_view instruction);
    Result<void> image(const std::string& id);

    const Lookup& job_;
    std::string result_;
    std::vector<std::string> made_;
    std::vector<std::string> pulled_;
    std::vector<std::string> stages_;
    std::string base_;           ///< of the FROM that is being resolved; empty else
    bool base_pulled_ = false;   ///< the builder fetched it just now
    bool failed_ = false;
};

}  // namespace rules
