#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/json.h"
#include "rules/result.h"

// Archives of images: what `docker save` writes and `docker load` reads. (Shape: moby's image specification 1.2, and
// the OCI layout that newer engines write beside it.)
namespace rules {

/// One image of an archive that is to be loaded.
struct ArchivedImage {
    std::string config;               ///< path in the archive, as written there
    std::vector<std::string> layers;  ///< the same, lowest first
    std::vector<std::string> tags;    ///< as the job names them: `app:latest`
};

/// The images that manifest.json lists. 400 for what `docker load` does not take.
Result<std::vector<ArchivedImage>> archived_images(std::string_view manifest);

/// The digests of the layers of an image, from its config; 400 when the engine could read others there.
Result<std::vector<std::string>> layers_of_config(std::string_view config);

/// Files in an archive of the engine that name images by the engine's references.
inline constexpr std::string_view naming_files[] = {"manifest.json", "index.json", "repositories"};

/// The text of one of `naming_files` with the job's references instead; what has none there is without a name. nullopt
/// when it has no shape that we know.
std::optional<std::string> view_naming_file(std::string_view key, std::string_view file, std::string_view text);

}  // namespace rules
