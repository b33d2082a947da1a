#include "rules/build/image_archive.h"

#include <gtest/gtest.h>

#include "rules/names/image_names.h"

namespace rules {
namespace {

const std::string key(26, 'k');
const std::string other_key(26, 'o');

TEST(ArchivedImages, AreReadAsTheManifestListsThem)
{
    const auto images = archived_images(
        R"([{"Config":"a.json","RepoTags":["app:1","localhost:5000/x:y"],"Layers":["1/layer.tar","2/layer.tar"]},
                                            {"Config":"b.json","RepoTags":null,"Layers":[],"Parent":"sha256:00"}])");
    ASSERT_TRUE(images);
    ASSERT_EQ(images->size(), 2u);
    EXPECT_EQ(images->at(0).config, "a.json");
    EXPECT_EQ(images->at(0).tags, (std::vector<std::string>{"app:1", "localhost:5000/x:y"}));
    EXPECT_EQ(images->at(0).layers, (std::vector<std::string>{"1/layer.tar", "2/layer.tar"}));
    EXPECT_TRUE(images->at(1).tags.empty());
}

class BrokenManifest : public testing::TestWithParam<const char*> {};

TEST_P(BrokenManifest, IsRefused)
{
    const auto images = archived_images(GetParam());
    ASSERT_FALSE(images);
    EXPECT_EQ(images.error().status, 400);
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenManifest,
    testing::Values(
        "", "{}", "[1]", "[{}]", R"([{"Config":1}])", R"([{"Config":"a","Layers":["x",1]}])",
        R"([{"Config":"a","Layers":"x"}])", R"([{"Config":"a","layers":["x"]}])", R"([{"Config":"a","config":"b"}])",
        R"([{"Config":"a","RepoTags":["app"]}])", R"([{"Config":"a","RepoTags":["UPPER:1"]}])",
        R"([{"Config":"a","repotags":["x:1"]}])",
        R"([{"Config":"a","RepoTags":["app@sha256:0000000000000000000000000000000000000000000000000000000000000000"]}])"));

TEST(LayersOfConfig, AreThoseThatTheEngineReads)
{
    EXPECT_EQ(layers_of_config(R"({"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:1","sha256:2"]}})"),
              (std::vector<std::string>{"sha256:1", "sha256:2"}));
    // Go reads keys in any case, and the last of them.
    EXPECT_FALSE(layers_of_config(R"({"rootfs":{"diff_ids":["sha256:1"]},"RootFS":{"diff_ids":["sha256:2"]}})"));
    EXPECT_FALSE(layers_of_config(R"({"rootfs":{"diff_ids":["sha256:1"],"Diff_IDs":["sha256:2"]}})"));
    EXPECT_FALSE(
        layers_of_config("{\"rootfs\":{\"diff_ids\":[]},\"root\xc5\xbf"
                         "f\":{}, \"rootf\xc5\xbf\":{}}"));
    EXPECT_FALSE(layers_of_config(R"({"rootfs":[]})"));
    EXPECT_FALSE(layers_of_config("{}"));
    EXPECT_FALSE(layers_of_config("[]"));
}

std::string real(const std::string& of, const std::string& name)
{
    return real_reference(of, parse_reference(name).value()).value();
}

TEST(ViewNamingFile, ShowsTheJobsOwnNames)
{
    const std::string held = holding_reference(key, "sha256:" + std::string(64, 'a'));
    const Json manifest = {
        {{"Config", "c"}, {"RepoTags", {real(key, "app:1"), held, real(other_key, "app:2")}}, {"Layers", {"l"}}},
        {{"Config", "d"}, {"RepoTags", {held}}, {"Layers", Json::array()}}};
    EXPECT_EQ(Json::parse(*view_naming_file(key, "manifest.json", manifest.dump())),
              (Json{{{"Config", "c"}, {"RepoTags", {"app:1"}}, {"Layers", {"l"}}},
                    {{"Config", "d"}, {"RepoTags", nullptr}, {"Layers", Json::array()}}}));

    const Json index = {
        {"schemaVersion", 2},
        {"manifests",
         {{{"digest", "x"},
           {"annotations",
            {{"io.containerd.image.name", real(key, "app:1")}, {"org.opencontainers.image.ref.name", "1"}}}},
          {{"digest", "y"},
           {"annotations", {{"io.containerd.image.name", held}, {"org.opencontainers.image.ref.name", "z"}}}},
          {{"digest", "z"}}}}};
    const Json shown = Json::parse(*view_naming_file(key, "index.json", index.dump()));
    EXPECT_EQ(shown["manifests"][0]["annotations"]["io.containerd.image.name"], "docker.io/library/app:1");
    EXPECT_EQ(shown["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "1");
    EXPECT_FALSE(shown["manifests"][1].contains("annotations"));

    const std::string app = real(key, "app:1");
    const Json repositories = {{app.substr(0, app.rfind(':')), {{"1", "id"}}},
                               {held.substr(0, held.rfind(':')), {{"x", "id"}}}};
    EXPECT_EQ(Json::parse(*view_naming_file(key, "repositories", repositories.dump())), (Json{{"app", {{"1", "id"}}}}));
}

TEST(ViewNamingFile, TakesNoOtherShape)
{
    EXPECT_FALSE(view_naming_file(key, "manifest.json", "{}"));
    EXPECT_EQ(view_naming_file(key, "manifest.json", "null\n"), "null\n");
    EXPECT_FALSE(view_naming_file(key, "index.json", "not json"));
    EXPECT_FALSE(view_naming_file(key, "other.json", "{}"));
}

}  // namespace
}  // namespace rules
