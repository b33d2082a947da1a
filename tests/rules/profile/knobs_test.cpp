#include "rules/profile/knobs.h"

#include <gtest/gtest.h>

#include <set>

#include "rules/glob.h"
#include "rules/profile/knob_values.h"
#include "rules/profile/profile_file.h"

namespace rules {
namespace {

TEST(Knobs, HaveEachTheirOwnPathAndMemberAndASentence)
{
    std::set<std::string_view> paths;
    std::vector<Member> members;
    for (const Knob& knob : knobs()) {
        EXPECT_TRUE(paths.insert(knob.path).second) << knob.path;
        for (const Member& other : members) EXPECT_FALSE(other == knob.member) << knob.path;
        members.push_back(knob.member);
        EXPECT_GT(knob.what.size(), 15u) << knob.path;
        EXPECT_FALSE(knob.what.ends_with('.')) << knob.path;
        EXPECT_EQ(knob.what.find('\n'), std::string_view::npos) << knob.path;
    }
}

TEST(Knobs, TakeTheirOwnDefaults)
{
    const Profile defaults;
    const auto book = read_rules({{"all", profile_text(Profile{}, nullptr)}});
    ASSERT_TRUE(book) << book.error().message;
    EXPECT_EQ(*book->find("default"), defaults) << "what is written is what is read";
}

TEST(Knobs, AreWrittenAsTheyAreReadForEveryReadyProfile)
{
    const auto ready = read_rules({});
    ASSERT_TRUE(ready);
    for (const auto& [name, profile] : ready->profiles) {
        const Profile base;
        Profile renamed = profile;
        renamed.name = "copy";
        const auto whole = read_rules({{"whole", profile_text(renamed, nullptr)}});
        ASSERT_TRUE(whole) << whole.error().message;
        const auto changes = read_rules({{"changes", profile_text(renamed, &base)}});
        ASSERT_TRUE(changes) << changes.error().message;
        renamed.lineage = {"default"};
        EXPECT_EQ(*whole->find("copy"), renamed) << name;
        EXPECT_EQ(*changes->find("copy"), renamed) << name;
    }
}

TEST(Knobs, WriteOnlyWhatDiffersFromTheBase)
{
    Profile profile;
    profile.name = "ci";
    profile.image_push = false;
    const Profile base;
    EXPECT_EQ(profile_text(profile, &base),
              "[profile.ci]\nextends = \"default\"\n# Jobs may push images\nimages.push = false\n");
}

TEST(Reference, HasEveryKnobWithItsDefault)
{
    const std::string reference = rules_reference();
    const Profile defaults;
    for (const Knob& knob : knobs())
        EXPECT_NE(reference.find("| `" + std::string(knob.path) + "` | "), std::string::npos) << knob.path;
    EXPECT_NE(reference.find("| `logs.size_max` | size, as \"2GiB\" | `\"256MiB\"` | cap | Size of one log file |"),
              std::string::npos);
}

TEST(Permissive, LetsThroughWhatOnlyTheRulesRefuseAndKeepsTheRest)
{
    const auto ready = read_rules({});
    ASSERT_TRUE(ready);
    const Profile open = permissive(*ready->find("strict"));
    EXPECT_FALSE(open.non_root);
    EXPECT_TRUE(open.image_push);
    EXPECT_TRUE(open.build_allowed);
    EXPECT_EQ(open.image_tags, "any");
    EXPECT_TRUE(matches_any(open.registries, "ghcr.io/a/b"));
    EXPECT_EQ(open.job_containers, 0);
    EXPECT_EQ(open.binds_allowed, "read-write");
    EXPECT_TRUE(open.devices_allowed.empty()) << "a device is the host's";
    EXPECT_TRUE(open.runtimes_allowed.empty()) << "any name may start any program";
    EXPECT_EQ(open.container_memory_max, std::int64_t{4} << 30) << "what is capped stays capped";
    EXPECT_TRUE(open.no_new_privileges) << "what is forced stays forced";
    EXPECT_FALSE(open.host_reachable);
    Profile closing;
    closing.endpoints_closed = {"image.*"};
    EXPECT_TRUE(permissive(closing).endpoints_closed.empty());
}

TEST(Policy, IsWhatAKnobRefuses)
{
    for (const char* rule : {"images.registries", "user.non_root", "limits.job.containers"}) EXPECT_TRUE(is_profile_key(rule)) << rule;
    for (const char* rule : {"privileged", "host-namespace", "binds", "unknown-field", "closed", ""}) EXPECT_FALSE(is_profile_key(rule)) << rule;
}

TEST(Nearest, IsTheKeyWithTheFewestEdits)
{
    constexpr std::string_view known[] = {"images.push", "images.pull", "binds.allowed"};
    EXPECT_EQ(nearest("images.puhs", known), "images.push");
    EXPECT_EQ(nearest("bind.allowed", known), "binds.allowed");
    EXPECT_EQ(nearest("zzz", known), "");
    EXPECT_EQ(nearest("", known), "");
}

TEST(Glob, StarsStayWithinAPartUnlessDoubled)
{
    EXPECT_TRUE(matches("docker.io/library/*", "docker.io/library/busybox"));
    EXPECT_FALSE(matches("docker.io/*", "docker.io/library/busybox"));
    EXPECT_TRUE(matches("docker.io/**", "docker.io/library/busybox"));
    EXPECT_TRUE(matches("**", ""));
    EXPECT_TRUE(matches("a?c", "abc"));
    EXPECT_FALSE(matches("a?c", "a/c"));
    EXPECT_FALSE(matches("abc", "abcd"));
    EXPECT_FALSE(matches("", "a"));
    EXPECT_TRUE(matches("*a*a*a*a*a*a*a*a*a*b", std::string(200, 'a') + "b"));
    EXPECT_FALSE(matches("*a*a*a*a*a*a*a*a*a*c", std::string(2000, 'a') + "b"));
    EXPECT_FALSE(matches("ghcr.io", "ghcr.io.evil.example"));
}

}  // namespace
}  // namespace rules
