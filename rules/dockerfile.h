#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/json.h"
#include "rules/profile.h"
#include "rules/result.h"

namespace rules {

/// One place where a Dockerfile names an image that the classic builder would look for in the engine's store.
struct Base {
    std::string name;  ///< as the builder reads it, variables expanded
    std::size_t begin = 0, end = 0;  ///< the instruction in the text, its continued lines included
    std::string before, after;       ///< the instruction as one line, around the name
};

/// Every place of FROM and of COPY --from, in order. Stages of the Dockerfile itself and `scratch` are none.
///
/// Read as moby's parser reads it (buildkit/frontend/dockerfile/parser), or not at all: where engines of different age,
/// or an engine and we, could disagree about a line that names an image, the answer is 403 with the way out.
/// `build_args`: what --build-arg gave, an object of strings and nulls (null itself: none). `target`: the stage that the
/// build ends with, whose successors the builder leaves alone; empty, or no stage's name: all are built.
Result<std::vector<Base>> bases_of(std::string_view text, const Json& build_args, std::string_view target = {});

/// `text` with `names[i]` where `bases[i]` was.
std::string rebased(std::string_view text, const std::vector<Base>& bases, const std::vector<std::string>& names);

/// Refuses an ONBUILD trigger of a base image that copies from an image: the builder runs it without showing it.
Result<void> check_trigger(std::string_view trigger);

/// `text`, in which ADD takes nothing but files of the context, unless the profile has the engine fetch URLs. A source
/// that is a URL is refused; one that could become one by its variables is made a path. 403 with the way out.
Result<std::string> with_local_sources(std::string_view text, const Profile& profile);

/// The same for an ONBUILD trigger of a base image, which cannot be changed.
Result<void> check_trigger_sources(std::string_view trigger, const Profile& profile);

}  // namespace rules
