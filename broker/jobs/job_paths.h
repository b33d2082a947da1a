#pragma once

#include "broker/engine/engine.h"
#include "rules/names/paths.h"

namespace broker {

/// What of the host is never given to a job, as a path: berth's own directories, the engine's socket and data.
Task<std::vector<std::string>> private_paths(Engine& engine, std::vector<std::string> own);

/// The paths of the container `anchor`; 404 when the engine has none of that name or id.
Task<rules::Result<rules::JobPaths>> paths_of_anchor(Engine& engine, std::string anchor,
                                                     std::vector<std::string> closed);

/// The host's directory `workspace`, absolute. Where others than root could move it away, what stands for it is a mount
/// in `pins`, which is taken up again when it is there.
rules::Result<rules::JobPaths> paths_of_workspace(const std::string& workspace, const std::vector<std::string>& closed,
                                                  const std::filesystem::path& pins, const std::string& engine);

}  // namespace broker
