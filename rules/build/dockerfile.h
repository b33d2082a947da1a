#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/build/build_output.h"
#include "rules/json.h"
#include "rules/policy/dial.h"
#include "rules/profile.h"
#include "rules/result.h"

// Dockerfiles, read as moby's parser reads them (buildkit/frontend/dockerfile/parser), or not at all: where engines of
// different age, or an engine and we, could disagree about a line that names an image, the answer is 403 with the way
// out. What a few bytes of one could make the builder do is bounded. The reader is our own since moby's, the one that
// decides, is a library for Go only.
namespace rules {

inline constexpr std::size_t bases_max = 100;           ///< each may have to be pulled, and is held as long as the build

/// An image that a build rests on or copies from, as the engine has it.
struct BaseImage {
    std::string id;                     ///< `sha256:<64 hex>`
    std::vector<std::string> triggers;  ///< its ONBUILD instructions: the builder runs them where it is named by FROM
    std::size_t longest_variable = 0;   ///< bytes of the longest entry of its Env
};
using BaseImages = std::map<std::string, BaseImage>;  ///< by the name that the Dockerfile has for it

/// `config`: the Config of an image or a container: the bytes of the longest entry of its Env.
std::size_t longest_variable(const Json& config);
/// `config`: the Config of the image's inspect.
BaseImage base_image(std::string id, const Json& config);

/// The names of all images that the builder would look for in the engine's store, for FROM and COPY --from, each once.
/// Stages of the Dockerfile itself and `scratch` are none.
/// `build_args`: what --build-arg gave, an object of strings and nulls (null itself: none). `target`: the stage that the
/// build ends with; empty, or no stage's name: all are built.
Result<std::vector<std::string>> bases_of(std::string_view text, const Json& build_args, std::string_view target = {});

/// A Dockerfile that leaves the engine no name to look up.
struct SealedDockerfile {
    std::string text;
    std::vector<ShownStep> shown;  ///< how its instructions with an id were written, in order
};

/// `text` up to the end of `target`, with the id of each image in the place of its name. `images` has all of `bases_of`.
/// Refused is what a trigger, of an image or of a stage, would have the builder look up: that cannot be written anew.
Result<SealedDockerfile> sealed(std::string_view text, const Json& build_args, std::string_view target,
                                const BaseImages& images, const Profile& profile);

/// The instructions that a commit or an import applies to the image that it makes. `longest_variable`: bytes of the
/// longest entry of the Env that they change.
Result<void> check_changes(const std::vector<std::string>& changes, std::size_t longest_variable);

/// `text`, in which ADD takes nothing but files of the context, unless the profile has the engine fetch URLs: then such
/// whose host stands there in full. A source that is another URL is refused; one that could become one by its variables
/// is made a path. 403 with the way out.
Result<std::string> with_local_sources(std::string_view text, const Profile& profile);

/// The same for an ONBUILD trigger of a base image, which cannot be changed.
Result<void> check_trigger_sources(std::string_view trigger, const Profile& profile);

/// The hosts of the URLs that the engine fetches for `text`, as with_local_sources gave it, and for the triggers of `images`.
Result<std::vector<DialTarget>> fetched_targets(std::string_view text, const BaseImages& images);

}  // namespace rules
