#include "broker/host/shims.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace broker {
namespace {

using namespace std::string_literals;

const std::string id(64, 'a');

TEST(ContainerOfShim, ReadsTheCommandLineOfAShim)
{
    EXPECT_EQ(container_of_shim("/usr/bin/containerd-shim-runc-v2\0-namespace\0moby\0-id\0"s + id + "\0-address\0/run/containerd.sock\0"s), id);
}

TEST(ContainerOfShim, WhatIsNoShimOfAnEngineIsNone)
{
    const std::string rest = "\0-id\0"s + id + '\0';
    EXPECT_EQ(container_of_shim(""), "");
    EXPECT_EQ(container_of_shim("/usr/bin/containerd-shim-runc-v2\0-namespace\0k8s.io"s + rest), "");
    EXPECT_EQ(container_of_shim("/usr/bin/grep\0containerd-shim-runc-v2\0-namespace\0moby"s + rest), "");
    EXPECT_EQ(container_of_shim("containerd-shim\0-namespace\0moby\0-id\0short\0"s), "");
    EXPECT_EQ(container_of_shim("containerd-shim\0-namespace\0moby\0-id\0"s), "");
    EXPECT_EQ(container_of_shim("containerd-shim"), "");
}

TEST(Shims, AreFoundAmongProcessesThatEndWhileTheyAreLookedAt)
{
    std::atomic<bool> over = false;
    std::thread ending([&over] {
        while (!over) {
            const pid_t child = ::fork();
            if (child == 0) ::_exit(0);
            ::waitpid(child, nullptr, 0);
        }
    });
    for (int looks = 0; looks < 500; ++looks) EXPECT_NO_THROW(shims());
    over = true;
    ending.join();
}

}  // namespace
}  // namespace broker
