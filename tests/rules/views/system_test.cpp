#include "rules/views/list_view.h"
#include "rules/views/parts.h"
#include "tests/rules/views/sample.h"

namespace rules {
namespace {

class SystemView : public ViewsOf {};

TEST_P(SystemView, InfoTellsOfTheMachineButNotOfTheHost)
{
    Json given = data.at("info");
    given["HttpProxy"] = "http://user:hunter2@proxy:3128";
    given["Labels"] = {"rack=7"};
    given["Swarm"] = {{"NodeID", "n0d3"}, {"LocalNodeState", "active"}, {"NodeAddr", "10.0.0.9"}};
    given["RegistryConfig"]["Mirrors"] = {"https://mirror.corp/"};
    given["Runtimes"]["odd"] = {{"path", "/srv/engine/odd"}};
    given["DriverStatus"].push_back(Json({"Parent Dataset", "rpool/docker"}));
    given["SecurityOptions"].push_back("name=seccomp,profile=/etc/docker/strict.json");
    given["DefaultAddressPools"] = {{{"Base", "10.7.0.0/16"}, {"Size", 24}}};
    given["SomethingNew"] = "/srv/engine";
    given["NCPU"] = 2;
    const auto view = view_info(given, {.running = 3, .paused = 1, .stopped = 2, .images = 5});
    ASSERT_TRUE(view);
    const std::string text = view->dump();
    for (const char* trace : {"hunter2", "rack=7", "n0d3", "10.0.0.9", "mirror.corp", "odd", "rpool", "strict.json",
                              "10.7.0", "/srv/engine", "build-host", "SomethingNew", "Containerd\"", "cdi"})
        EXPECT_EQ(text.find(trace), text.npos) << trace;
    EXPECT_EQ(view->at("Containers"), 6);
    EXPECT_EQ(view->at("ContainersRunning"), 3);
    EXPECT_EQ(view->at("Images"), 5);
    for (const char* key : {"NCPU", "MemTotal", "OSType", "Architecture", "ServerVersion", "Driver", "CgroupDriver",
                            "CgroupVersion", "KernelVersion", "OperatingSystem"})
        EXPECT_EQ(view->at(key), given.at(key)) << key;
    EXPECT_EQ(view->at("Swarm").at("LocalNodeState"), "inactive");
    EXPECT_EQ(view->at("Plugins").at("Log"), Json({"json-file", "local"}));
    EXPECT_EQ(view->at("Runtimes"), Json::parse(R"({"runc":{"path":"runc"}})"));
    EXPECT_EQ(view->at("DockerRootDir"), "/var/lib/docker");
    EXPECT_EQ(view->at("SecurityOptions").back(), "name=seccomp");
    EXPECT_EQ(view->at("DriverStatus").at(0), Json({"Backing Filesystem", "extfs"}));
    EXPECT_FALSE(view_info(Json::array(), {}));
}

TEST_P(SystemView, VersionAdvertisesTheRangeThatIsServed)
{
    const auto view = view_version(data.at("version"), Version{1, 24}, Version{1, 47});
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("ApiVersion"), "1.47");
    EXPECT_EQ(view->at("MinAPIVersion"), "1.24");
    EXPECT_EQ(view->at("Components").at(0).at("Details").at("ApiVersion"), "1.47");
    EXPECT_EQ(view->at("Components").at(0).at("Details").at("MinAPIVersion"), "1.24");
    EXPECT_EQ(view->at("Version"), data.at("version").at("Version"));
    EXPECT_FALSE(view_version({{"message", "page not found"}}, Version{1, 24}, Version{1, 47}));
}

TEST_P(SystemView, DiskUsageIsTheJobsOwn)
{
    Json given = data.at("df");
    given["BuildCache"] = Json::parse(R"([{"ID":"x","Description":"RUN echo secret.example"}])");
    const auto seen = [&] { return view_lists(given, *usage_view({{sample.busybox, 4}}, job, facts)); };
    const auto view = seen();
    ASSERT_TRUE(view);
    expect_no_traces(*view);
    EXPECT_EQ(view->at("BuildCache"), Json::array());
    EXPECT_EQ(view->at("Containers").size(), 4);
    EXPECT_EQ(view->at("Volumes").size(), 3);
    ASSERT_EQ(view->at("Images").size(), 2);
    std::int64_t sizes = 0;
    for (const Json& image : view->at("Images")) {
        sizes += image.at("Size").get<std::int64_t>();
        EXPECT_EQ(image.at("Containers"), image.at("Id") == sample.busybox ? 4 : 0);
    }
    EXPECT_EQ(view->at("LayersSize"), sizes);
    given.erase("Images");
    given["Volumes"] = nullptr;
    EXPECT_FALSE(seen()->contains("Images"));
    EXPECT_EQ(seen()->at("Volumes"), Json::array());
    EXPECT_EQ(view_lists(Json::array(), *usage_view({}, job, facts)).error().status, 502);
}

ON_EVERY_ENGINE(SystemView);

TEST(Glob, MatchesAsGosPathMatch)
{
    struct Case {
        const char* pattern;
        const char* text;
        bool matches;
    };
    for (const Case& each : {
             Case{"", "", true},
             {"abc", "abc", true},
             {"*", "abc", true},
             {"*", "a/b", false},
             {"*c", "abc", true},
             {"a*", "ab/c", false},
             {"a*/b", "abc/b", true},
             {"a*/b", "a/c/b", false},
             {"a*b*c*d*e*/f", "axbxcxdxe/f", true},
             {"a*b*c*d*e*/f", "axbxcxdxexxx/fff", false},
             {"a*b?c*x", "abxbbxdbxebxczzx", true},
             {"ab[c]", "abc", true},
             {"ab[b-d]", "abc", true},
             {"ab[^c]", "abc", false},
             {"ab[^e-g]", "abc", true},
             {"a?b", "a/b", false},
             {"a\\*b", "a*b", true},
             {"a\\*b", "ab", false},
             {"[a-", "a", false},
             {"[]a]", "]", false},
             {"[-]", "-", false},
             {"[\\]a]", "]", true},
             {"a\\", "a", false},
             {"*x", "xxx", true},
         })
        EXPECT_EQ(parts::glob_match(each.pattern, each.text), each.matches) << each.pattern << " " << each.text;
    std::string stars;
    for (int i = 0; i < 200; ++i) stars += "a*";
    EXPECT_FALSE(parts::glob_match(stars + "b", std::string(5000, 'a')));
}

TEST(Builtin, IdsDifferByJobAndNetwork)
{
    EXPECT_NE(parts::builtin_id("host", "a"), parts::builtin_id("none", "a"));
    EXPECT_NE(parts::builtin_id("host", "a"), parts::builtin_id("host", "b"));
    EXPECT_EQ(parts::builtin_id("host", "a"), parts::builtin_id("host", "a"));
}

}  // namespace
}  // namespace rules
