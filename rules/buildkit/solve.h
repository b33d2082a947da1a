#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rules/buildkit/attributes.h"
#include "rules/buildkit/messages.pb.h"

namespace rules {

/// What a build is to make in the engine's store.
struct AskedImage {
    std::vector<std::string> names;  ///< familiar, with a tag; none: without a name
};

/// A request to build, judged; what is sent of it is written anew by solve_for.
struct AskedBuild {
    std::string ref;      ///< the client's
    std::string session;  ///< the client's
    bool by_frontend = false;             ///< else its client runs the frontend, by LLBBridge
    Attributes attributes;                ///< as they are sent
    bool pull = false;
    std::optional<AskedImage> image;
    std::vector<buildkit::Exporter> exporters;  ///< as they are sent, but for the names of the image
    bool inline_cache = false;
};

/// 400 for a ref that is no plain word.
Result<void> check_ref(const std::string& ref);
/// 403 for what a rule refuses, 400 for what is malformed or unknown.
Result<AskedBuild> judge_solve(const buildkit::SolveRequest& asked, const Profile& profile, const BuildingJob& job);

/// What is sent: `ref` is the engine's, `reals` are the engine's names of the image, `sources` the policy.
buildkit::SolveRequest solve_for(const AskedBuild& build, const BuildingJob& job, const std::string& ref, const std::vector<std::string>& reals,
                                 buildkit::SourcePolicy sources);

/// The run of a frontend in a build whose client does that itself.
struct AskedFrontend {
    buildkit::BridgeSolveRequest sent;
    bool pull = false;
};
Result<AskedFrontend> judge_bridge_solve(const buildkit::BridgeSolveRequest& asked, const Profile& profile, const BuildingJob& job);

/// True when `message` has, at any depth, a field that our messages do not have.
bool has_unknown_field(const google::protobuf::Message& message);

}  // namespace rules
