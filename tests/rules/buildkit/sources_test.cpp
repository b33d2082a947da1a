#include "rules/buildkit/sources.h"

#include <vector>

#include "tests/rules/buildkit/building.h"

namespace rules {
namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

TEST(Sources, AnImageIsNamedInFull)
{
    const auto source = [](const std::string& text) { return image_source(*parse_reference(text)); };
    EXPECT_EQ(source("busybox"), "docker-image://docker.io/library/busybox:latest");
    EXPECT_EQ(source("registry:5000/a/b:1"), "docker-image://registry:5000/a/b:1");
    EXPECT_EQ(source("busybox@" + digest), "docker-image://docker.io/library/busybox@" + digest) << "no tag is made up beside a digest";
    EXPECT_EQ(source("busybox:1@" + digest), "docker-image://docker.io/library/busybox:1@" + digest);
}

TEST(Sources, AnImageIsFoundAgain)
{
    for (const std::string text : {"busybox:latest", "registry:5000/a/b:1", "ghcr.io/a/b:1"}) {
        const auto found = image_of_source(image_source(*parse_reference(text)));
        ASSERT_TRUE(found) << text;
        EXPECT_EQ(found->familiar_tagged(), text);
    }
    for (const std::string text : {"", "docker-image://", "docker-image:/busybox", "https://example.com/busybox", "git://a/b", "local://context",
                                   "oci-layout://a/b@sha256:1", "docker-image://UPPER/a b", "docker-image://a@sha256:1", "x docker-image://a"})
        EXPECT_FALSE(image_of_source(text)) << text;
}

TEST(Sources, AllIsRefusedButWhatStandsBehind)
{
    using buildkit::SourceRule;
    using buildkit::SourceSelector;
    const std::string name = "docker-image://docker.io/library/busybox:latest", real = "docker-image://berth." + building_key + "/docker.io/a:1";
    const auto policy = source_policy(building_key, {{name, real}, {"docker-image://docker.io/library/alpine:3", "docker-image://x/y:1"}});
    ASSERT_EQ(policy.rules_size(), 5);
    EXPECT_EQ(policy.version(), 1);
    // The last one that fits decides, so what is general stands first.
    EXPECT_EQ(policy.rules(0).action(), SourceRule::DENY);
    EXPECT_EQ(policy.rules(0).selector().identifier(), "*");
    EXPECT_EQ(policy.rules(1).action(), SourceRule::ALLOW);
    EXPECT_EQ(policy.rules(1).selector().identifier(), "local://*");
    EXPECT_EQ(policy.rules(2).action(), SourceRule::ALLOW);
    EXPECT_EQ(policy.rules(2).selector().identifier(), "docker-image://berth." + building_key + "/*");
    for (int at = 3; at < 5; ++at) EXPECT_EQ(policy.rules(at).action(), SourceRule::CONVERT);
    EXPECT_EQ(policy.rules(4).selector().identifier(), name);
    EXPECT_EQ(policy.rules(4).updates().identifier(), real);
    for (const auto& rule : policy.rules()) {
        EXPECT_EQ(rule.selector().match_type(), SourceSelector::WILDCARD);
        EXPECT_EQ(rule.has_updates(), rule.action() == SourceRule::CONVERT);
    }
    EXPECT_EQ(source_policy(building_key, {}).rules_size(), 3);
}

TEST(Sources, WhatThePolicyRefusedStandsInTheError)
{
    const auto quoted = [](const std::string& source) { return "source \"" + source + "\" denied by policy"; };
    const std::string image = "docker-image://docker.io/library/alpine:3";
    EXPECT_EQ(refused_source(quoted(image)), image);
    EXPECT_EQ(refused_source("failed to solve: alpine:3: " + quoted(image) + ": source denied"), image);
    EXPECT_EQ(refused_source(quoted("a") + "; " + quoted(image)), image) << "the last, which is the cause";
    EXPECT_EQ(refused_source(quoted("")), "");
    // A client's own text around it.
    EXPECT_EQ(refused_source("source \"x: " + quoted(image)), image);
    EXPECT_EQ(refused_source(quoted("https://a/source \"b")), "b");
    EXPECT_EQ(refused_source(quoted(image) + " source \""), image);
    EXPECT_EQ(refused_source(quoted("a\nb\xff")), "a\nb\xff");
    for (const std::string text : {"", "denied by policy", "\" denied by policy", "source \"", "source \"a\" denied",
                                   "\" denied by policy source \"a", "source \" denied by policy", "SOURCE \"a\" denied by policy"})
        EXPECT_FALSE(refused_source(text)) << text;
}

}  // namespace
}  // namespace rules
