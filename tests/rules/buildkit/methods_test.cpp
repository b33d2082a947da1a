#include "rules/buildkit/methods.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace rules {
namespace {

Rpc rpc_of(std::string_view path)
{
    const RpcMethod* method = rpc_method(path);
    return method ? method->rpc : Rpc::count;
}

TEST(Methods, OfTheEngine)
{
    EXPECT_EQ(rpc_of("/moby.buildkit.v1.Control/Solve"), Rpc::solve);
    EXPECT_EQ(rpc_of("/moby.buildkit.v1.Control/Status"), Rpc::status);
    EXPECT_EQ(rpc_of("/moby.buildkit.v1.Control/Session"), Rpc::session);
    EXPECT_EQ(rpc_of("/grpc.health.v1.Health/Check"), Rpc::health);
    EXPECT_EQ(rpc_of("/moby.buildkit.v1.frontend.LLBBridge/Solve"), Rpc::bridge_solve);
    EXPECT_EQ(rpc_of("/moby.buildkit.v1.frontend.LLBBridge/ReadFile"), Rpc::bridge_pass);
}

TEST(Methods, ThatAreClosedSayWhy)
{
    for (const std::string path : {"LLBBridge/NewContainer", "LLBBridge/ExecProcess", "LLBBridge/ReadFileContainer", "LLBBridge/ResolveImageConfig",
                                   "LLBBridge/ResolveSourceMeta"}) {
        const RpcMethod* method = rpc_method("/moby.buildkit.v1.frontend." + path);
        ASSERT_TRUE(method) << path;
        EXPECT_EQ(method->rpc, Rpc::closed) << path;
        EXPECT_TRUE(method->why.starts_with("berth: ")) << path;
    }
    EXPECT_EQ(rpc_of("/containerd.services.content.v1.Content/Read"), Rpc::closed);
}

TEST(Methods, OthersDoNotExist)
{
    for (const std::string path : {"", "/", "moby.buildkit.v1.Control/Solve", "/moby.buildkit.v1.Control/solve", "/moby.buildkit.v1.Control/Solve/",
                                   "/moby.buildkit.v1.Control/Solve?a", "/moby.buildkit.v1.Control//Solve", "/moby.buildkit.v1.Control/Nothing",
                                   "/moby.filesync.v1.FileSync/DiffCopy", "/containerd.services.leases.v1.Leases/List"})
        EXPECT_FALSE(rpc_method(path)) << path;
}

TEST(Methods, OfASession)
{
    for (const std::string path : {"/moby.filesync.v1.FileSync/DiffCopy", "/moby.filesync.v1.FileSend/DiffCopy", "/moby.filesync.v1.Auth/Credentials",
                                   "/moby.buildkit.secrets.v1.Secrets/GetSecret", "/moby.sshforward.v1.SSH/ForwardAgent"})
        EXPECT_TRUE(is_session_method(path)) << path;
    for (const std::string path : {"", "/moby.filesync.v1.FileSync/", "/moby.filesync.v1.Filesync/DiffCopy", "/moby.buildkit.v1.Control/Solve",
                                   "/moby.filesync.v1.FileSync/DiffCopy\n"})
        EXPECT_FALSE(is_session_method(path)) << path;
    EXPECT_TRUE(is_session_method(credentials_method));
}

}  // namespace
}  // namespace rules
