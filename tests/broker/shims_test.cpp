#include "broker/shims.h"

#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace broker
