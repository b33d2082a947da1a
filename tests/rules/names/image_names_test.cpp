#include "rules/names/image_names.h"

#include <gtest/gtest.h>

#include "rules/names/names.h"

namespace rules {
namespace {

const std::string key = "abcdefghijklmnopqrstuvwxyz";
const std::string another_key = "bbbbbbbbbbbbbbbbbbbbbbbbbb";

TEST(ImageNames, EveryReferenceHasOneRealOneAndBack)
{
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"app", "docker.io/library/app"},
        {"app:latest", "docker.io/library/app:latest"},
        {"team/app:1.0-RC", "docker.io/team/app:1.0-RC"},
        {"registry.example.com:5000/a/b__c:t", "registry.example.com__3a5000/a/b__c:t"},
        {"Registry.example.com/a", "0__52egistry.example.com/a"},
        {"localhost/a", "localhost/a"},
        {"[::1]:5000/a:x", "0__5b__3a__3a1__5d__3a5000/a:x"},
        {"my-Registry/a", "my__2d__52egistry/a"},
        {"0.Gr/a", "00__2e__47r/a"},
        {"00:5/a", "000__3a5/a"},
        {"docker.io/evil.example/a", "docker.io/evil.example/a"},
    };
    for (const auto& [text, path] : cases) {
        const auto reference = parse_reference(text);
        ASSERT_TRUE(reference) << text;
        const auto real = real_reference(key, *reference);
        ASSERT_TRUE(real) << text;
        EXPECT_EQ(*real, "berth." + key + "/" + path);
        EXPECT_TRUE(parse_reference(*real)) << *real << " is no reference to an engine";
        EXPECT_EQ(parse_reference(*real)->domain, "berth." + key);
        const auto back = virtual_reference(key, *real);
        ASSERT_TRUE(back) << *real;
        EXPECT_EQ(back->familiar(), text);
        EXPECT_FALSE(virtual_reference(another_key, *real));
    }
}

TEST(ImageNames, OnlyTheOneSpellingIsAReference)
{
    for (const std::string& path : {std::string("docker.io/app"), "docker.io/library/app@sha256:" + std::string(64, 'a'),
                                    "image:" + std::string(64, 'a'), std::string("registry__2eexample.com/a"), std::string("x"), std::string(),
                                    std::string("docker.io/library/App"), std::string("a__zz/b"), std::string("index.docker.io/library/app")})
        EXPECT_FALSE(virtual_reference(key, "berth." + key + "/" + path)) << path;
}

TEST(ImageNames, ANameThatAnEngineWouldNotTakeIsRefused)
{
    const auto reference = parse_reference("example.com/" + std::string(230, 'a'));
    ASSERT_TRUE(reference);
    const auto real = real_reference(key, *reference);
    ASSERT_FALSE(real);
    EXPECT_EQ(real.error().status, 400);
}

TEST(ImageNames, NoTextShowsAnEnginesReference)
{
    const std::string own = "berth." + key + "/", foreign = "berth." + another_key + "/";
    EXPECT_EQ(scrub(key, "Step 1/2 : FROM " + own + "docker.io/library/app:1"), "Step 1/2 : FROM app:1");
    EXPECT_EQ(scrub(key, "denied for " + own + "ghcr.io/a/b, or absent."), "denied for ghcr.io/a/b, or absent.");
    EXPECT_EQ(scrub(key, "\"" + own + "docker.io/library/app:latest\" (must force)."), "\"app:latest\" (must force).");
    EXPECT_EQ(scrub(key, own + "docker.io/library/app:1: gone"), "app:1: gone");
    EXPECT_EQ(scrub(key, "on " + foreign + "docker.io/library/app:1."), "on (another job's image).");
    EXPECT_EQ(scrub(key, holding_reference(key, "sha256:" + std::string(64, 'a'))), "sha256:" + std::string(64, 'a'));
    EXPECT_EQ(scrub(key, own), own);
}

TEST(ImageNames, AJobCannotChooseANameOfOurs)
{
    EXPECT_FALSE(real_reference(key, parse_reference("berth." + another_key + "/docker.io/library/app:1").value()));
    EXPECT_TRUE(real_reference(key, parse_reference("berthold.example/app:1").value()));
}

}  // namespace
}  // namespace rules
