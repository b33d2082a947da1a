#include <random>

#include "rules/views/list_view.h"
#include "tests/rules/views/sample.h"

// Engines change and answers may be cut or odd: whatever the shape, a view gives an answer or none, and never throws or
// leaks.
namespace rules {
namespace {

/// Every value inside `root`, itself included.
void collect(Json& root, std::vector<Json*>& all)
{
    all.push_back(&root);
    if (root.is_structured())
        for (Json& each : root) collect(each, all);
}

/// `answer` with a few of its values replaced or removed.
Json damaged(Json answer, std::mt19937& random)
{
    static const std::vector<Json> odd = {nullptr,
                                          true,
                                          -1,
                                          1e300,
                                          "",
                                          "x",
                                          "berth.",
                                          "/",
                                          ":",
                                          Json::array(),
                                          Json::object(),
                                          Json::array({nullptr}),
                                          Json::array({Json::array()}),
                                          Json{{"Name", 7}}};
    for (int change = 0; change < 3; ++change) {
        std::vector<Json*> all;
        collect(answer, all);
        Json& victim = *all[random() % all.size()];
        if (victim.is_structured() && !victim.empty() && random() % 2) {
            auto member = victim.begin();
            std::advance(member, random() % victim.size());
            victim.erase(member);
        } else {
            victim = odd[random() % odd.size()];
        }
    }
    return answer;
}

class OddShape : public ViewsOf {};

TEST_P(OddShape, NeverThrowsAndNeverLeaks)
{
    std::mt19937 random(20);
    const std::vector<Filters> filters = {
        {},
        filters_of(
            R"({"name":["d"],"id":["1"],"label":["a"],"network":["front"],"volume":["data"],"ancestor":["busybox"],)"
            R"("before":["net"],"since":["db"],"status":["running"]})"),
        filters_of(
            R"({"dangling":["true"],"driver":["bridge"],"type":["custom"],"scope":["local"],"reference":["b*"],"image":["busybox"],)"
            R"("event":["exec_create"],"container":["db"]})")};
    const auto expect_clean = [](const Json& view) {
        const std::string text = view.dump();
        EXPECT_EQ(text.find(FakeLookup::test_key), text.npos) << text;
        EXPECT_EQ(text.find(Sample::other_key), text.npos) << text;
    };
    const auto check = [&](const auto& view) {
        if (view) expect_clean(*view);
    };
    for (int round = 0; round < 150; ++round) {
        const auto odd = [&](const char* name) { return damaged(data.at(name), random); };
        const Filters& each = filters[random() % filters.size()];
        for (const char* name : {"inspect_db", "inspect_none", "inspect_net"})
            check(view_container(odd(name), job, facts));
        check(view_containers(odd("list"), each, random() % 3, job, facts, random() % 2));
        check(view_exec(odd("exec"), job));
        check(view_network(odd("network_front"), job, facts));
        check(view_networks(odd("networks"), each, job, facts));
        check(view_volume(odd("volume"), job));
        check(view_volumes(odd("volumes"), each, {sample.anonymous}, job));
        check(view_image(odd("image_built"), job, facts));
        check(view_images(odd("images"), each, random() % 2, job, facts));
        check(view_image_history(odd("history"), job));
        check(view_info(odd("info"), {}));
        check(view_version(odd("version"), oldest_version, newest_version));
        check(view_lists(odd("df"), *usage_view({}, job, facts)));
        for (const Json& event : odd("events")) if (const auto view = view_event(event, job)) {
                check(view);
                event_passes(*view, each);
            }
    }
}

TEST_P(OddShape, AnAnswerOfTheWrongKindIsNoView)
{
    for (const Json& answer : {Json(nullptr), Json(true), Json(7), Json("text")}) {
        EXPECT_FALSE(view_container(answer, job, facts));
        EXPECT_EQ(view_containers(answer, {}, 0, job, facts).error().status, 502);
        EXPECT_FALSE(view_exec(answer, job));
        EXPECT_FALSE(view_network(answer, job, facts));
        EXPECT_EQ(view_networks(answer, {}, job, facts).error().status, 502);
        EXPECT_FALSE(view_volume(answer, job));
        EXPECT_EQ(view_volumes(answer, {}, {}, job).error().status, 502);
        EXPECT_FALSE(view_image(answer, job, facts));
        EXPECT_EQ(view_images(answer, {}, false, job, facts).error().status, 502);
        EXPECT_FALSE(view_image_history(answer, job));
        EXPECT_FALSE(view_event(answer, job));
        EXPECT_FALSE(view_info(answer, {}));
        EXPECT_FALSE(view_version(answer, oldest_version, newest_version));
        EXPECT_EQ(view_lists(answer, *usage_view({}, job, facts)).error().status, 502);
    }
}

ON_EVERY_ENGINE(OddShape);

}  // namespace
}  // namespace rules
