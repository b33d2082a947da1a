#include "rules/profile/profile_file.h"

#include <gtest/gtest.h>

#include "rules/profile/knobs.h"

namespace rules {
namespace {

Result<Rulebook> read(const std::string& text)
{
    return read_rules({{"ci.toml", text}});
}

Profile profile_of(const std::string& text, const std::string& name = "ci")
{
    const Result<Rulebook> book = read(text);
    EXPECT_TRUE(book) << book.error().message;
    if (!book || !book->find(name)) return {};
    return *book->find(name);
}

std::string mistakes(const std::string& text)
{
    const Result<Rulebook> book = read(text);
    return book ? "none" : book.error().message;
}

TEST(ReadyProfiles, AreThereWithoutAFile)
{
    const Result<Rulebook> book = read_rules({});
    ASSERT_TRUE(book) << book.error().message;
    for (const char* name : {"default", "strict", "build-only", "testcontainers", "trusted", "dind"}) {
        ASSERT_TRUE(book->find(name)) << name;
        EXPECT_EQ(book->find(name)->name, name);
    }
    EXPECT_EQ(*book->find("default"), Profile{});
    EXPECT_TRUE(book->find("trusted")->observes());
    EXPECT_FALSE(book->find("strict")->observes());
    EXPECT_EQ(book->find("strict")->lineage, std::vector<std::string>{"default"});
    EXPECT_EQ(book->selected({{"project", "x"}}), "default");
}

TEST(RulesFile, GivesAProfileEachKindOfValue)
{
    const Profile profile = profile_of(R"(
        [profile.ci]                       # comments are welcome
        limits.container.memory_max = "2GiB"
        limits.container.cpus_max = 1.5
        limits.job.time = "1h30m"
        job.grace = "1m"
        healthcheck.interval_min = "500ms"
        capabilities.allowed = ["NET_ADMIN"]
        binds.allowed = "none"
        images.push = false
        env.forced = { NVIDIA_VISIBLE_DEVICES = "void" }
        [profile.ci.networks]
        host_reachable = false
    )");
    EXPECT_EQ(profile.container_memory_max, std::int64_t{2} << 30);
    EXPECT_EQ(profile.container_nano_cpus_max, 1'500'000'000);
    EXPECT_EQ(profile.job_time, 5400);
    EXPECT_EQ(profile.job_grace, 60);
    EXPECT_EQ(Profile{}.job_grace, 2);
    EXPECT_EQ(profile.healthcheck_min, 500'000'000);
    EXPECT_EQ(profile.capabilities_allowed, std::vector<std::string>{"NET_ADMIN"});
    EXPECT_EQ(profile.binds_allowed, "none");
    EXPECT_FALSE(profile.image_push);
    EXPECT_EQ(profile.env_forced.at("NVIDIA_VISIBLE_DEVICES"), "void");
    EXPECT_FALSE(profile.host_reachable);
    EXPECT_EQ(profile.name, "ci");
    EXPECT_EQ(profile.stop_timeout_max, Profile{}.stop_timeout_max);
}

TEST(RulesFile, ExtendsProfilesOfItsOwnAndOfBerths)
{
    const std::string text = R"(
        [profile.default]
        images.push = false
        [profile.base]
        extends = "strict"
        ports.max = 3
        [profile.ci]
        extends = "base"
        binds.allowed = "none"
        [profile.strict]
        images.registries = ["ghcr.io"]
        [profile.plain]
    )";
    const Profile ci = profile_of(text);
    EXPECT_EQ(ci.published_ports_max, 3);
    EXPECT_EQ(ci.binds_allowed, "none");
    EXPECT_TRUE(ci.non_root);
    EXPECT_EQ(ci.registries, std::vector<std::string>{"ghcr.io"});
    EXPECT_EQ(ci.lineage, (std::vector<std::string>{"base", "strict", "default"}));
    EXPECT_FALSE(profile_of(text, "plain").image_push) << "without extends: the operator's default";
    EXPECT_EQ(profile_of(text, "plain").lineage, std::vector<std::string>{"default"});
    EXPECT_EQ(profile_of(text, "testcontainers").job_networks, 30);
}

TEST(RulesFile, IsRefusedWithFileLineColumnKeyAndTheNearestKnownOne)
{
    const std::pair<std::string, std::string> cases[] = {
        {"[profile.ci]\nlimits.container.memroy = \"1GiB\"",
         R"(ci.toml:2:18: unknown key "limits.container.memroy"; did you mean "limits.container.memory"?)"},
        {"[profile.ci]\nlimits.conatiner.memory = 1",
         R"(ci.toml:2:8: unknown key "limits.conatiner"; did you mean "limits.)"},
        {"[profile.ci]\nextend = \"strict\"", R"(ci.toml:2:1: unknown key "extend"; did you mean "extends"?)"},
        {"[profiles.ci]\n", R"(ci.toml:1:2: unknown key "profiles"; did you mean "profile"?)"},
        {"[profile.ci]\nimages.push = \"no\"", "ci.toml:2:15: images.push: it must be true or false"},
        {"[profile.ci]\nports.max = 70000", "ci.toml:2:13: ports.max: it must be at most 65535"},
        {"[profile.ci]\njob.grace = \"11m\"", "ci.toml:2:13: job.grace: it must be at most \"10m\""},
        {"[profile.ci]\nports.max = -1", "ci.toml:2:13: ports.max: it must be at least 0"},
        {"[profile.ci]\nlogs.size_max = \"many\"", "logs.size_max: it must be a size"},
        {"[profile.ci]\nstop.timeout_max = 30", "stop.timeout_max: it must be a time with its unit"},
        {"[profile.ci]\nlimits.job.cpus = \"two\"", "limits.job.cpus: it must be a number of CPUs"},
        {"[profile.ci]\nbinds.allowed = \"readonly\"",
         R"("readonly" is none of none, read-only, read-write; did you mean "read-only"?)"},
        {"[profile.ci]\ncapabilities.allowed = [\"SYS_ADMIN\"]", R"("SYS_ADMIN" is none of)"},
        {"[profile.ci]\ncapabilities.allowed = 3", "it must be a list of texts"},
        {"[profile.ci]\ncapabilities.allowed = [1]", "it must be a plain value, or a list or table of texts"},
        {"[profile.ci]\nmode = \"enforced\"", R"(did you mean "enforce"?)"},
        {"[profile.ci]\nimages.registries = [\"library/busybox\"]",
         R"("library/busybox" is not a pattern that begins with the registry)"},
        {"[profile.ci]\nendpoints.closed = [\"image.puch\"]", R"(did you mean "image.push"?)"},
        {"[profile.ci]\nnetworks.subnets = [\"8.8.8.0/24\"]", "a private IPv4 subnet"},
        {"[profile.ci]\ndevices.allowed = [\"/dev/../etc\"]", "the path of one device"},
        {"[profile.ci]\napi.version_max = \"1.10\"", "an API version from 1.24"},
        {"[profile.ci]\nprivileged = true", R"(ci.toml:2:1: unknown key "privileged")"},
        {"[profile.\"a b\"]\n", "a profile's name has"},
        {"profile = 3", "ci.toml:1:1:"},
        {"[profile.ci]\nimages.push = true\nimages.push = false", "ci.toml:3:"},
        {"[profile.ci\n", "ci.toml:1:"},
        {"[profile.ci]\nextends = \"strct\"",
         R"(ci.toml:2:11: there is no profile "strct" to extend; did you mean "strict"?)"},
        {"[profile.ci]\nextends = \"ci\"", R"(ci.toml:2:11: profile "ci" extends itself)"},
        {"[profile.a]\nextends = \"b\"\n[profile.b]\nextends = \"a\"", R"(profile "a" extends itself through "b")"},
        {"[profile.ci]\nruntime.forced = \"runsc\"", "runtime.forced does not hold for the steps of classic builds"},
        {"[profile.ci]\nlimits.container.memory = \"2GiB\"\nlimits.container.memory_max = \"1GiB\"",
         "limits.container.memory is above"},
        {"[[select]]\nprofile = \"ci\"\nlabels = { a = \"b\" }", R"(ci.toml:1:1: there is no profile "ci")"},
        {"[[select]]\nprofile = \"strict\"\nlabel = { a = \"b\" }",
         R"(ci.toml:3:1: unknown key "label"; did you mean "labels"?)"},
        {"[[select]]\nlabels = { a = \"b\" }", "ci.toml:1:1: a selection names its profile"},
    };
    for (const auto& [text, wanted] : cases)
        EXPECT_NE(mistakes(text).find(wanted), std::string::npos) << text << "\n  got: " << mistakes(text);
}

TEST(RulesFile, TellsAllMistakesAtOnce)
{
    EXPECT_EQ(
        mistakes("[profile.ci]\nimages.push = 1\nports.max = true"),
        "ci.toml:2:15: images.push: it must be true or false\nci.toml:3:13: ports.max: it must be a whole number");
}

TEST(RulesFile, MayBeSeveral)
{
    const auto book =
        read_rules({{"10.toml", "[profile.a]\nports.max = 1"}, {"20.toml", "[profile.b]\nextends = \"a\""}});
    ASSERT_TRUE(book) << book.error().message;
    EXPECT_EQ(book->find("b")->published_ports_max, 1);
    const auto twice = read_rules({{"10.toml", "[profile.a]"}, {"20.toml", "\n[profile.a]"}});
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().message, "20.toml:2:10: profile \"a\" is there already, at 10.toml:1:10");
}

TEST(Selection, GoesByPatternsOfAllLabelsInOrder)
{
    const auto book = read(R"(
        [[select]]
        labels = { project = "shop/*", branch = "main" }
        profile = "trusted"
        [[select]]
        labels = { project = "shop/**" }
        profile = "testcontainers"
    )");
    ASSERT_TRUE(book) << book.error().message;
    EXPECT_EQ(book->selected({{"project", "shop/web"}, {"branch", "main"}}), "trusted");
    EXPECT_EQ(book->selected({{"project", "shop/web"}, {"branch", "feature"}}), "testcontainers");
    EXPECT_EQ(book->selected({{"project", "shop/web/api"}, {"branch", "main"}}), "testcontainers");
    EXPECT_EQ(book->selected({{"project", "other"}}), "default");
    EXPECT_EQ(book->selected({{"branch", "main"}}), "default");
}

TEST(Selection, TakesALabelThatIsNotThereForNoMatch)
{
    const auto book = read("[[select]]\nlabels = { fork = \"**\" }\nprofile = \"strict\"");
    ASSERT_TRUE(book);
    EXPECT_EQ(book->selected({}), "default");
    EXPECT_EQ(book->selected({{"fork", ""}}), "strict");
}

}  // namespace
}  // namespace rules
