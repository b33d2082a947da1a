#pragma once

#include <optional>
#include <string>

#include "broker/operations/build_bases.h"
#include "broker/operations/build_record.h"

namespace broker {

/// The containers of a build's RUN steps: the builder makes them, without a name, and prints their ids.
class BuildSteps {
public:
    /// All of them outlive this.
    BuildSteps(Call& call, rules::BuildOutput& output, BuildBases& bases, BuildRecord& record)
        : call_(call), output_(output), bases_(bases), record_(record)
    {
    }

    /// `query`: with which the build is sent.
    void begin(const rules::Query& query);
    /// Records what has started, before the client is told of it: what others know of is noted by then.
    Task<> note();
    /// Removes the container of the step that runs, if it is known to be this build's.
    Task<> stop();

private:
    struct Step {
        std::string id, image;  ///< full
    };

    /// Steps run on the job's own network: then each container there is the job's. Else only those that were noted are known to be.
    bool is_on_own_network() const;
    /// The full id of the container `id` if it can be one of this build's: the id was printed, and steps print what they like. What it runs
    /// and when it was made tell the rest; its labels come from the Dockerfile and tell nothing.
    Task<std::optional<std::string>> container_of(std::string id);
    Task<std::optional<Step>> maybe_step(std::string id);
    Task<bool> is_step_image(std::string id);

    Call& call_;
    rules::BuildOutput& output_;
    BuildBases& bases_;
    BuildRecord& record_;
    std::string network_;  ///< of the RUN steps, as sent
    std::string cached_;   ///< ids of images from which the builder may go on, as sent
    std::string noted_;    ///< the last container that was looked at for the record
};

}  // namespace broker
