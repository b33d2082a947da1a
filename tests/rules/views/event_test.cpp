#include <set>

#include "tests/rules/views/sample.h"

#include "rules/names/image_names.h"

namespace rules {
namespace {

class EventView : public ViewsOf {
protected:
    std::vector<Json> seen(const std::string& filters)
    {
        std::vector<Json> events;
        for (const Json& event : data.at("events"))
            if (auto view = view_event(event, job); view && event_passes(*view, filters_of(filters))) events.push_back(*std::move(view));
        return events;
    }

    /// `type action name` of each event that passes.
    std::set<std::string> told(const std::string& filters)
    {
        std::set<std::string> lines;
        for (const Json& event : seen(filters)) {
            const Json& actor = event.at("Actor");
            const Json& attributes = actor.at("Attributes");
            const std::string name = attributes.contains("name") ? attributes.at("name") : actor.at("ID");
            lines.insert(event.at("Type").get<std::string>() + " " + event.at("Action").get<std::string>() + " " +
                         name);
        }
        return lines;
    }

    Json container_event(const std::string& action) const
    {
        for (const Json& event : data.at("events"))
            if (event.at("Type") == "container" && event.at("Action") == action &&
                event.at("Actor").at("ID") == sample.db)
                return event;
        throw std::runtime_error("no event " + action);
    }
};
using Lines = std::set<std::string>;

TEST_P(EventView, OnlyTheJobsEventsAreTold)
{
    const auto events = seen("");
    EXPECT_GT(events.size(), 20);
    for (const Json& event : events) expect_no_traces(event);
    for (const std::string& line : told("")) {
        EXPECT_EQ(line.find("plain"), std::string::npos);
        EXPECT_EQ(line.find("secret"), std::string::npos);
    }
    EXPECT_EQ(told(R"({"event":["create"],"type":["network","volume","container"]})"),
              (Lines{"network create bridge", "network create front", "volume create data", "volume create idle",
                     "volume create " + sample.anonymous, "container create db", "container create web",
                     "container create none", "container create net"}));
}

TEST_P(EventView, AContainersEventHasTheJobsNamesInBothForms)
{
    const auto view = view_event(container_event("start"), job);
    ASSERT_TRUE(view);
    const Json expected = {{"name", "db"}, {"image", "busybox:latest"}, {"stage", "base"}, {"com.example", "yes"}};
    EXPECT_EQ(view->at("Actor").at("Attributes"), expected);
    EXPECT_EQ(view->at("status"), "start");
    EXPECT_EQ(view->at("id"), sample.db);
    EXPECT_EQ(view->at("from"), "busybox:latest");
}

TEST_P(EventView, AnEventThatOvertakesTheLedgerIsKnownByItsRealName)
{
    FakeLookup fresh;
    const auto view = view_event(container_event("create"), fresh);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("Actor").at("Attributes").at("name"), "db");
}

TEST_P(EventView, ARenameTellsBothVirtualNames)
{
    Json event = container_event("start");
    event["Action"] = event["status"] = "rename";
    event["Actor"]["Attributes"]["oldName"] = "/" + real_name(FakeLookup::test_key, "old");
    const auto view = view_event(event, job);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("Actor").at("Attributes").at("oldName"), "/old");
}

TEST_P(EventView, LabelsCannotMakeAnEventTheJobs)
{
    Json event = container_event("start");
    event["Actor"]["ID"] = std::string(64, 'f');
    event["Actor"]["Attributes"]["name"] = "victim";
    event["Actor"]["Attributes"]["berth.key"] = FakeLookup::test_key;
    EXPECT_FALSE(view_event(event, job));
    event["Actor"]["Attributes"]["name"] = real_name(Sample::other_key, "db");
    EXPECT_FALSE(view_event(event, job));
}

TEST_P(EventView, APushIsTheJobsWhileItHadTheNameForItself)
{
    FakeLookup pusher;
    pusher.pushed["registry:5000/app:1"] = 1700000000000000005;
    Json event = {{"Type", "image"}, {"Action", "push"}, {"status", "push"}, {"id", "registry:5000/app:1"}, {"timeNano", 1700000000000000005},
                  {"Actor", {{"ID", "registry:5000/app:1"}, {"Attributes", {{"name", "registry:5000/app"}}}}}};
    EXPECT_TRUE(view_event(event, pusher));
    EXPECT_FALSE(view_event(event, FakeLookup()));
    event["timeNano"] = 1700000000000000006;
    EXPECT_FALSE(view_event(event, pusher));
    event.erase("timeNano");
    EXPECT_FALSE(view_event(event, pusher));
}

TEST_P(EventView, FiltersMatchTheVirtualEvent)
{
    struct Case {
        std::string filters;
        Lines lines;
    };
    const std::vector<Case> cases = {
        {R"({"container":["web"],"event":["start","die"]})", {"container start web", "container die web"}},
        {Json{{"container", {sample.web.substr(0, 12)}}, {"event", {"start"}}}.dump(), {"container start web"}},
        {R"({"container":["berth"]})", {}},
        {R"({"event":["exec_create"]})", {"container exec_create: sleep 5999 db"}},
        {R"({"event":["exec_create: sleep 5999"]})", {"container exec_create: sleep 5999 db"}},
        {R"({"event":["exec_die"]})", {}},
        {R"({"type":["network"],"network":["front"],"event":["connect"]})", {"network connect front"}},
        {R"({"type":["volume"],"volume":["data"]})", {"volume create data", "volume mount data"}},
        {R"({"event":["start"],"image":["busybox"]})",
         {"container start db", "container start web", "container start net"}},
        {R"({"label":["com.example=yes"],"event":["start"]})", {"container start db"}},
        {R"({"label":["berth.job"]})", {}},
        {R"({"scope":["swarm"]})", {}},
        {R"({"daemon":["build-host"]})", {}},
        {R"({"type":["daemon"]})", {}},
    };
    for (const Case& each : cases) EXPECT_EQ(told(each.filters), each.lines) << each.filters;
}

TEST_P(EventView, TheJobsUseOfNoneIsToldWithoutTheHostsId)
{
    const auto events = seen(R"({"network":["none"],"type":["network"]})");
    ASSERT_FALSE(events.empty());
    for (const Json& event : events) EXPECT_EQ(event.at("Actor").at("ID"), builtin_network("none", job)->at("Id"));
    Json foreign = events[0];
    foreign["Actor"]["Attributes"]["container"] = std::string(64, 'a');
    EXPECT_FALSE(view_event(foreign, job));
}

TEST_P(EventView, AnImagesEventIsToldWhenItsReferenceIsTheJobs)
{
    const auto event = [](const std::string& action, const std::string& id, const std::string& name) {
        return Json{{"Type", "image"}, {"Action", action}, {"Actor", {{"ID", id}, {"Attributes", {{"name", name}}}}}};
    };
    const auto real = [&](const std::string& name) { return *real_reference(job.key(), *parse_reference(name)); };
    const auto tag = view_event(event("tag", sample.busybox, real("app:1")), job);
    ASSERT_TRUE(tag);
    EXPECT_EQ(tag->at("Actor").at("Attributes").at("name"), "app:1");
    EXPECT_EQ(tag->at("Actor").at("ID"), sample.busybox);
    EXPECT_FALSE(view_event(event("tag", sample.busybox, "secret.example/app:3"), job)) << "the host tagged it";
    EXPECT_FALSE(view_event(event("tag", sample.busybox, holding_reference(job.key(), sample.busybox)), job));
    EXPECT_FALSE(view_event(event("tag", sample.busybox, "berth." + std::string(26, 'b') + "/docker.io/library/app:1"), job));
    EXPECT_TRUE(view_event(event("untag", sample.busybox, sample.busybox), job));
    EXPECT_FALSE(
        view_event(event("delete", "sha256:" + std::string(64, '1'), "sha256:" + std::string(64, '1')), job));
}

TEST_P(EventView, APullIsToldByTheTagThatGaveTheJobTheImage)
{
    job.pulled.insert("busybox:latest");
    const std::string real = *real_reference(job.key(), *parse_reference("busybox:latest"));
    const auto event = [](const std::string& action, const std::string& id, const std::string& name) {
        return Json{{"Type", "image"}, {"Action", action}, {"status", action}, {"Actor", {{"ID", id}, {"Attributes", {{"name", name}}}}}};
    };
    const auto pull = view_event(event("tag", sample.busybox, real), job);
    ASSERT_TRUE(pull);
    EXPECT_EQ(pull->at("Action"), "pull");
    EXPECT_EQ(pull->at("status"), "pull");
    EXPECT_EQ(pull->at("Actor").at("ID"), "busybox:latest");
    EXPECT_EQ(pull->at("Actor").at("Attributes").at("name"), "busybox");
    EXPECT_FALSE(view_event(event("pull", "busybox:latest", "busybox"), job)) << "somebody's pull";
}

TEST_P(EventView, WhatIsNobodysIsHidden)
{
    for (const char* type : {"daemon", "plugin", "builder", "node", "service", "secret", "config", ""}) {
        const Json event = {
            {"Type", type}, {"Action", "x"}, {"Actor", {{"ID", sample.db}, {"Attributes", {{"name", "x"}}}}}};
        EXPECT_FALSE(view_event(event, job)) << type;
    }
    const Json prune = {
        {"Type", "volume"}, {"Action", "prune"}, {"Actor", {{"ID", ""}, {"Attributes", {{"reclaimed", "7"}}}}}};
    EXPECT_FALSE(view_event(prune, job));
    EXPECT_FALSE(view_event(Json::array(), job));
    EXPECT_FALSE(view_event({{"Type", "container"}, {"Actor", 7}}, job));
}

ON_EVERY_ENGINE(EventView);

}  // namespace
}  // namespace rules
