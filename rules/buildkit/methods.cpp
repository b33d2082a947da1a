#include "rules/buildkit/methods.h"

#include <algorithm>

namespace rules {
namespace {

using enum Rpc;

constexpr std::string_view no_containers = "berth: debugging a build in containers of its own is not open; use docker run on an image of the build";
constexpr std::string_view no_content = "berth: the engine's content is of all jobs, and closed; read it from the registry, or docker save the image";
constexpr std::string_view no_metadata = "berth: asking for a source outside of a build is not open; build from it";

constexpr RpcMethod methods[] = {
    {"/grpc.health.v1.Health/Check", health},

    {"/moby.buildkit.v1.Control/Info", info},
    {"/moby.buildkit.v1.Control/ListWorkers", list_workers},
    {"/moby.buildkit.v1.Control/DiskUsage", disk_usage},
    {"/moby.buildkit.v1.Control/Prune", prune},
    {solve_method, solve},
    {status_method, status},
    {"/moby.buildkit.v1.Control/ListenBuildHistory", list_history},
    {"/moby.buildkit.v1.Control/UpdateBuildHistory", update_history},
    {"/moby.buildkit.v1.Control/Session", session},

    {bridge_ping_method, bridge_ping},
    {bridge_solve_method, bridge_solve},
    {"/moby.buildkit.v1.frontend.LLBBridge/Return", bridge_pass},
    {"/moby.buildkit.v1.frontend.LLBBridge/Evaluate", bridge_pass},
    {"/moby.buildkit.v1.frontend.LLBBridge/ReadFile", bridge_pass},
    {"/moby.buildkit.v1.frontend.LLBBridge/ReadDir", bridge_pass},
    {"/moby.buildkit.v1.frontend.LLBBridge/StatFile", bridge_pass},
    {"/moby.buildkit.v1.frontend.LLBBridge/Inputs", bridge_pass},
    {"/moby.buildkit.v1.frontend.LLBBridge/Warn", bridge_pass},
    {"/moby.buildkit.v1.frontend.LLBBridge/ResolveImageConfig", closed, no_metadata},
    {"/moby.buildkit.v1.frontend.LLBBridge/ResolveSourceMeta", closed, no_metadata},
    {"/moby.buildkit.v1.frontend.LLBBridge/NewContainer", closed, no_containers},
    {"/moby.buildkit.v1.frontend.LLBBridge/ReleaseContainer", closed, no_containers},
    {"/moby.buildkit.v1.frontend.LLBBridge/ExecProcess", closed, no_containers},
    {"/moby.buildkit.v1.frontend.LLBBridge/ReadFileContainer", closed, no_containers},
    {"/moby.buildkit.v1.frontend.LLBBridge/ReadDirContainer", closed, no_containers},
    {"/moby.buildkit.v1.frontend.LLBBridge/StatFileContainer", closed, no_containers},

    {"/opentelemetry.proto.collector.trace.v1.TraceService/Export", trace},

    {"/containerd.services.content.v1.Content/Info", closed, no_content},
    {"/containerd.services.content.v1.Content/Update", closed, no_content},
    {"/containerd.services.content.v1.Content/List", closed, no_content},
    {"/containerd.services.content.v1.Content/Delete", closed, no_content},
    {"/containerd.services.content.v1.Content/Read", closed, no_content},
    {"/containerd.services.content.v1.Content/Status", closed, no_content},
    {"/containerd.services.content.v1.Content/ListStatuses", closed, no_content},
    {"/containerd.services.content.v1.Content/Write", closed, no_content},
    {"/containerd.services.content.v1.Content/Abort", closed, no_content},
};

constexpr std::string_view session_methods[] = {
    "/grpc.health.v1.Health/Check",
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.filesync.v1.FileSync/TarStream",
    "/moby.filesync.v1.FileSend/DiffCopy",
    credentials_method,
    "/moby.filesync.v1.Auth/FetchToken",
    "/moby.filesync.v1.Auth/GetTokenAuthority",
    "/moby.filesync.v1.Auth/VerifyTokenAuthority",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
    "/moby.upload.v1.Upload/Pull",
    "/containerd.services.content.v1.Content/Info",
    "/containerd.services.content.v1.Content/Update",
    "/containerd.services.content.v1.Content/List",
    "/containerd.services.content.v1.Content/Delete",
    "/containerd.services.content.v1.Content/Read",
    "/containerd.services.content.v1.Content/Status",
    "/containerd.services.content.v1.Content/ListStatuses",
    "/containerd.services.content.v1.Content/Write",
    "/containerd.services.content.v1.Content/Abort",
};

}  // namespace

const RpcMethod* rpc_method(std::string_view path)
{
    const auto found = std::ranges::find(methods, path, &RpcMethod::path);
    return found == std::end(methods) ? nullptr : found;
}

bool is_session_method(std::string_view path)
{
    return std::ranges::find(session_methods, path) != std::end(session_methods);
}

}  // namespace rules
