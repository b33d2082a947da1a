#include "tests/rules/views/sample.h"

namespace rules {
namespace {

const std::string digest = "sha256:" + std::string(64, 'd');

class ImageView : public ViewsOf {
protected:
    /// An untagged image of the job's own: its id.
    std::string own_dangling()
    {
        for (const Json& image : data.at("images")) {
            const Json& tags = image.at("RepoTags");
            if (!tags.empty() && tags.at(0) != "<none>:<none>") continue;
            job.add(Kind::image, Named{image.at("Id"), "", image.at("Id")});
            return image.at("Id");
        }
        throw std::runtime_error("no dangling image");
    }

    /// First references of the images that the list shows, or `untagged`.
    std::vector<std::string> listed(const std::string& filters, bool all = false)
    {
        const auto view = view_images(data.at("images"), filters_of(filters), all, job, facts);
        if (!view) return {"error " + std::to_string(view.error().status)};
        std::vector<std::string> names;
        for (const Json& each : *view) {
            const Json& tags = each.at("RepoTags");
            names.push_back(tags.empty() || tags.at(0) == "<none>:<none>" ? "untagged" : tags.at(0));
        }
        return names;
    }
};
using Names = std::vector<std::string>;

TEST_P(ImageView, InspectHasNoTraceOfTheHost)
{
    const auto built = view_image(data.at("image_built"), job, facts);
    ASSERT_TRUE(built);
    expect_no_traces(*built);
    EXPECT_EQ(built->at("RepoTags"), Json({"built:1"}));
    EXPECT_EQ(built->at("Parent"), sample.busybox);
    EXPECT_TRUE(built->at("GraphDriver").at("Data").is_null());
    EXPECT_EQ(built->at("Config").at("Labels"), Json({{"com.example", "yes"}, {"stage", "base"}}));
    if (built->contains("ContainerConfig")) {
        EXPECT_EQ(built->at("Container"), "");
        EXPECT_EQ(built->at("ContainerConfig").at("Hostname"), "");
        EXPECT_EQ(built->at("ContainerConfig").at("Labels"), built->at("Config").at("Labels"));
    }
}

TEST_P(ImageView, ReferencesAreTheJobsOnly)
{
    Json given = data.at("image");
    given["RepoTags"] = {"busybox:latest", "secret.example/app:2"};
    given["RepoDigests"] = {"busybox@" + digest, "secret.example/app@" + digest};
    given["Identity"] = {{"Pull", "x"}};
    given["Manifests"] = Json::array({Json::object()});
    job.add(Kind::image, "mirror:5000/b@" + digest, sample.busybox);
    const auto view = view_image(given, job, facts);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("RepoTags"), Json({"busybox:latest"}));
    EXPECT_EQ(view->at("RepoDigests"), Json({"mirror:5000/b@" + digest, "busybox@" + digest}));
    EXPECT_FALSE(view->contains("Identity"));
    EXPECT_FALSE(view->contains("Manifests"));
    expect_no_traces(*view);
}

TEST_P(ImageView, ImagesThatTheJobHasNotObtainedAreNotShown)
{
    FakeLookup fresh;
    EXPECT_FALSE(view_image(data.at("image"), fresh, facts));
    EXPECT_EQ(view_images(data.at("images"), {}, true, fresh, facts), Json::array());
    FakeLookup with_built;
    with_built.add(Kind::image, "built:1", sample.built);
    const auto view = view_image(data.at("image_built"), with_built, facts);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("Parent"), "") << "the parent is not the job's";
    EXPECT_EQ(view->dump().find(sample.busybox), std::string::npos);
}

TEST_P(ImageView, TheListHasOnlyTheJobsImages)
{
    EXPECT_EQ(listed("", true), (Names{"built:1", "busybox:latest"}));
    const auto view = view_images(data.at("images"), {}, false, job, facts);
    ASSERT_TRUE(view);
    expect_no_traces(*view);
    for (const Json& image : *view) EXPECT_EQ(image.at("Containers"), -1);
}

TEST_P(ImageView, ADanglingImageLooksAsTheVersionHasIt)
{
    const std::string id = own_dangling();
    const auto view = view_images(data.at("images"), filters_of(R"({"dangling":["true"]})"), false, job, facts);
    ASSERT_TRUE(view);
    ASSERT_EQ(view->size(), 1);
    EXPECT_EQ(view->at(0).at("Id"), id);
    const bool is_old = facts.version < Version{1, 43};
    EXPECT_EQ(view->at(0).at("RepoTags"), Json(is_old ? Names{"<none>:<none>"} : Names{}));
    EXPECT_EQ(view->at(0).at("RepoDigests"), Json(is_old ? Names{"<none>@<none>"} : Names{}));
}

TEST_P(ImageView, AnUntaggedParentIsOnlyInTheListOfAll)
{
    FakeLookup steps;
    steps.add(Kind::image, "built:1", sample.built);
    steps.add(Kind::image, Named{sample.busybox, "", sample.busybox});
    EXPECT_EQ(view_images(data.at("images"), {}, false, steps, facts)->size(), 1);
    EXPECT_EQ(view_images(data.at("images"), {}, true, steps, facts)->size(), 2);
}

TEST_P(ImageView, TheListIsFilteredByOwnReferences)
{
    own_dangling();
    const auto filter = [](const char* key, const std::string& value) { return Json{{key, {value}}}.dump(); };
    struct Case {
        std::string filters;
        Names names;
    };
    const std::vector<Case> cases = {
        {"", {"built:1", "untagged", "busybox:latest"}},
        {filter("reference", "busybox"), {"busybox:latest"}},
        {filter("reference", "busybox:*"), {"busybox:latest"}},
        {filter("reference", "bu*"), {"built:1", "busybox:latest"}},
        {filter("reference", "*/*"), {}},
        {filter("reference", "b[a-t"), {}},
        {filter("label", "com.example"), {"built:1"}},
        {filter("label", "berth.job"), {}},
        {filter("dangling", "false"), {"built:1", "busybox:latest"}},
        {filter("dangling", "odd"), {"error 400"}},
        {filter("since", "busybox"), {"built:1"}},
        {filter("before", "built:1"), {"untagged", "busybox:latest"}},
        {filter("before", "secret.example/app:1"), {"error 404"}},
    };
    for (const Case& each : cases) {
        Names names = listed(each.filters);
        Names expected = each.names;
        std::ranges::sort(names);
        std::ranges::sort(expected);
        // Made within a second or two: only the order of built and its parent is sure on every engine.
        if (each.filters.find("since") != std::string::npos) std::erase(names, "untagged");
        EXPECT_EQ(names, expected) << each.filters;
    }
}

TEST_P(ImageView, AReferenceFilterHidesTheOtherReferencesOfAnImage)
{
    job.add(Kind::image, "tool:v1", sample.busybox);
    EXPECT_EQ(listed(R"({"reference":["tool"]})"), (Names{"tool:v1"}));
}

TEST_P(ImageView, HistoryNamesOnlyOwnImages)
{
    FakeLookup with_built;
    with_built.add(Kind::image, "built:1", sample.built);
    const auto view = view_image_history(data.at("history"), with_built);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at(0).at("Id"), sample.built);
    EXPECT_EQ(view->at(0).at("Tags"), Json({"built:1"}));
    EXPECT_EQ(view->at(1).at("Id"), "<missing>");
    EXPECT_TRUE(view->at(1).at("Tags").is_null());
    EXPECT_EQ(view->at(1).at("Comment"), "one");
    EXPECT_FALSE(view_image_history(Json::object(), with_built));
}

TEST(PushView, WhereALayerWasMountedFromIsNotTold)
{
    const std::string before = R"({"status":"Pushing","progressDetail":{"current":1},"progress":"[=>  ]","id":"a6e79d66ff83"})" "\r\n";
    const std::string after = R"({"progressDetail":{},"aux":{"Tag":"1","Digest":"sha256:12","Size":5}})" "\r\n";
    const std::string mounted = R"({"status":"Mounted from team/of-another-job","progressDetail":{},"id":"a6e79d66ff83"})" "\r\n";
    const std::string seen = view_push(before + mounted + after);
    EXPECT_TRUE(seen.starts_with(before));
    EXPECT_TRUE(seen.ends_with(after));
    const Json message = Json::parse(seen.substr(before.size(), seen.size() - before.size() - after.size()));
    EXPECT_EQ(message, Json({{"status", "Pushed"}, {"progressDetail", Json::object()}, {"id", "a6e79d66ff83"}}));
    // A text that no JSON is passes as it is, and so does a line without its end.
    EXPECT_EQ(view_push("Mounted from x"), "Mounted from x");
    EXPECT_EQ(view_push(""), "");
}

ON_EVERY_ENGINE(ImageView);

}  // namespace
}  // namespace rules
