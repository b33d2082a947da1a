#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/json.h"
#include "rules/result.h"

namespace rules {

/// Every image that the classic builder would look for in the engine's store when it builds the Dockerfile `text`: of
/// FROM and of COPY --from, as the builder spells it, each once, in order. Stages of the Dockerfile itself and
/// `scratch` are none.
///
/// Read as moby's parser reads it (buildkit/frontend/dockerfile/parser), or not at all: where engines of different age,
/// or an engine and we, could disagree about a line that names an image, the answer is 403 with the way out.
/// `build_args`: what --build-arg gave, an object of strings and nulls (null itself: none).
Result<std::vector<std::string>> bases_of(std::string_view text, const Json& build_args);

/// The same for one ONBUILD trigger of a base image, which the builder runs without showing it: it knows no stages.
Result<std::vector<std::string>> bases_of_trigger(std::string_view trigger);

}  // namespace rules
