#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "rules/buildkit/messages.pb.h"
#include "rules/names/reference.h"

// What a build may take its files from. The engine asks the policy that berth gave along with the build before it resolves anything, whoever named
// it: a FROM, a stage, a trigger of a base, a graph. What the policy does not have is refused there, and the refusal names it: so berth learns what
// a build needs without reading its Dockerfile.
namespace rules {

/// Where the engine finds each image that a build may take, by the identifier that BuildKit has for it.
using BuildSources = std::map<std::string, std::string>;

/// BuildKit's identifier of an image: `docker-image://docker.io/library/busybox:latest`.
std::string image_source(const Reference& reference);

/// Everything is refused but files of the client's session, and `sources`, each where it is.
buildkit::SourcePolicy source_policy(std::string_view key, const BuildSources& sources);

/// The identifier that the policy did not have, in an error of the engine's; nullopt when it is another error.
std::optional<std::string> refused_source(std::string_view error);
/// The image that such an identifier means; nullopt when it is of no image.
std::optional<Reference> image_of_source(std::string_view identifier);

}  // namespace rules
