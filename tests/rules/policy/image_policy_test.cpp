#include "rules/policy/image_policy.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

const std::string digest = "@sha256:" + std::string(64, 'a');

/// The rule that refuses; empty when the pull is allowed.
std::string refused_by(const std::string& image, const Profile& profile)
{
    const Result<Reference> reference = parse_reference(image);
    EXPECT_TRUE(reference) << image;
    const Result<void> checked = check_pull(*reference, profile);
    return checked ? "" : checked.error().rule;
}

Profile with_registries(std::vector<std::string> registries)
{
    Profile profile;
    profile.registries = std::move(registries);
    return profile;
}

TEST(Pulls, AreAllowedByDefault)
{
    for (const std::string image : {"busybox", "ghcr.io/a/b:1", "localhost:5000/x"})
        EXPECT_EQ(refused_by(image, {}), "") << image;
}

TEST(Pulls, GoByTheNormalisedReference)
{
    const Profile official = with_registries({"docker.io/library/*"});
    for (const std::string image :
         {"busybox", "docker.io/busybox", "library/busybox:1", "index.docker.io/library/busybox"})
        EXPECT_EQ(refused_by(image, official), "") << image;
    for (const std::string image : {"evil/busybox", "docker.io/evil/busybox", "ghcr.io/library/busybox",
                                    "docker.io.evil.example/library/busybox", "localhost/docker.io/library/busybox"})
        EXPECT_EQ(refused_by(image, official), "images.registries") << image;
}

TEST(Pulls, ARegistryAloneStandsForAllThatItHas)
{
    const Profile profile = with_registries({"ghcr.io", "registry.example:5000/team/**", "*.corp.example"});
    for (const std::string image :
         {"ghcr.io/a/b", "ghcr.io/a/b/c:1", "registry.example:5000/team/x/y", "hub.corp.example/a"})
        EXPECT_EQ(refused_by(image, profile), "") << image;
    for (const std::string image :
         {"busybox", "registry.example/team/x", "registry.example:5000/other/x", "ghcr.io.evil.example/a"})
        EXPECT_EQ(refused_by(image, profile), "images.registries") << image;
    EXPECT_EQ(refused_by("busybox", with_registries({})), "images.registries");
}

TEST(Pulls, NameTagsAsTheProfileWants)
{
    Profile profile;
    profile.image_tags = "no-latest";
    EXPECT_EQ(refused_by("busybox", profile), "images.tags");
    EXPECT_EQ(refused_by("busybox:latest", profile), "images.tags");
    EXPECT_EQ(refused_by("busybox:1.36", profile), "");
    EXPECT_EQ(refused_by("busybox" + digest, profile), "");
    profile.image_tags = "digest";
    EXPECT_EQ(refused_by("busybox:1.36", profile), "images.tags");
    EXPECT_EQ(refused_by("busybox" + digest, profile), "");
    EXPECT_EQ(refused_by("busybox:latest" + digest, profile), "");
    profile.image_pull = false;
    EXPECT_EQ(refused_by("busybox" + digest, profile), "images.pull");
}

TEST(Pulls, AreRefusedInOneSentence)
{
    const Result<void> checked = check_pull(*parse_reference("ghcr.io/a/b"), with_registries({"docker.io/library/**"}));
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().status, 403);
    EXPECT_EQ(checked.error().message,
              "berth: fromImage is refused by rule \"images.registries\": take an image of docker.io/library/**");
    EXPECT_EQ(checked.error().value, "ghcr.io/a/b");
}

}  // namespace
}  // namespace rules
