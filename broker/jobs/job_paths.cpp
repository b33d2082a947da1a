#include "broker/jobs/job_paths.h"

#include "broker/engine/redaction.h"
#include "broker/host/beneath.h"

namespace broker {
namespace {

namespace fs = std::filesystem;
using rules::Json;
using rules::Result;

std::string canonical(const std::string& path)
{
    std::error_code ignored;
    const fs::path found = fs::weakly_canonical(path, ignored);
    return found.empty() ? path : found.string();
}

}  // namespace

Task<std::vector<std::string>> private_paths(Engine& engine, std::vector<std::string> own)
{
    own.push_back(engine.address());
    const EngineRequest request{.op = rules::Op::system_info};
    const Answer answer = co_await engine.call(request);
    if (!answer.ok()) throw failure_of("info", answer);
    const Json info = answer.json();
    own.push_back(info.value("DockerRootDir", "/var/lib/docker"));
    for (std::string& each : own) each = canonical(each);
    co_return own;
}

Task<Result<rules::JobPaths>> paths_of_anchor(Engine& engine, std::string anchor, std::vector<std::string> closed)
{
    const Answer answer = co_await engine.inspect(rules::Kind::container, anchor);
    if (answer.status == 404) co_return rules::not_found("there is no container " + anchor + " on the engine");
    if (!answer.ok()) throw failure_of("inspect of the anchor", answer);
    Json inspect = co_await json_of(answer);
    for (Json& mount : inspect["Mounts"])
        if (mount.value("Type", "") == "bind") mount["Source"] = canonical(mount.value("Source", ""));
    rules::JobPaths paths;
    paths.anchor = inspect.value("Id", "");
    paths.anchor_name = inspect.value("Name", "");
    if (paths.anchor_name.starts_with('/')) paths.anchor_name.erase(0, 1);
    paths.mounts = rules::mounts_of_container(inspect, closed);
    co_return paths;
}

Result<rules::JobPaths> paths_of_workspace(const std::string& workspace, const std::vector<std::string>& closed,
                                           const fs::path& pins, const std::string& engine)
{
    if (!workspace.starts_with('/'))
        return rules::bad_request("the workspace " + workspace + " is not an absolute path");
    const std::string directory = canonical(workspace);
    std::error_code ignored;
    if (!fs::is_directory(directory, ignored))
        return rules::bad_request("the workspace " + workspace + " is not a directory of the host");
    rules::JobPaths paths;
    paths.mounts = rules::mounts_of_workspace(directory, closed);
    if (paths.mounts.empty())
        return rules::bad_request(
            "the workspace " + workspace +
            " cannot be given to containers: it has, or lies in, what is the host's, the engine's or berth's own");
    if (can_be_moved(directory)) {
        const fs::path entry = pins / "workspace";
        try {
            if (!fs::exists(entry)) pin(open_root(directory), pins, "workspace");
            if (!sees(engine, entry))
                throw std::system_error(EPERM, std::generic_category(), "the engine does not see berth's mounts");
        } catch (const std::system_error& error) {
            unpin(entry);
            return rules::bad_request(
                "the workspace " + workspace +
                " can be moved away by others than root, and berth cannot hold it by a mount: " + error.what());
        }
        paths.mounts.front().source = paths.mounts.front().directory = entry.string();
    }
    // The job may know it by another name: the one it was given.
    const std::string given = rules::clean_absolute(workspace);
    if (given != directory) {
        rules::PathMount alias = paths.mounts.front();
        alias.target = given;
        paths.mounts.push_back(std::move(alias));
    }
    return paths;
}

}  // namespace broker
