#include <algorithm>

#include "tests/rules/views/sample.h"

namespace rules {
namespace {

class NetworkView : public ViewsOf {
protected:
    std::vector<std::string> listed(const std::string& filters)
    {
        const auto view = view_networks(data.at("networks"), filters_of(filters), job, facts);
        if (!view) return {"error " + std::to_string(view.error().status)};
        std::vector<std::string> names;
        for (const Json& each : *view) names.push_back(each.at("Name"));
        std::ranges::sort(names);
        return names;
    }
};
using Names = std::vector<std::string>;

TEST_P(NetworkView, InspectShowsTheJobsNetworkWithItsOwnMembers)
{
    Json given = data.at("network_front");
    given["Containers"][std::string(64, 'c')] = {{"Name", "runner"}, {"IPv4Address", "172.19.0.9/16"}};
    given["Options"]["com.docker.network.bridge.name"] = "br-job7";
    given["Peers"] = {{{"IP", "10.0.0.3"}}};
    const auto view = view_network(given, job, facts);
    ASSERT_TRUE(view);
    expect_no_traces(*view);
    EXPECT_EQ(view->at("Name"), "front");
    EXPECT_EQ(view->at("Id"), sample.front);
    EXPECT_EQ(view->at("Labels"), Json({{"tier", "web"}}));
    EXPECT_EQ(view->at("Options"), Json({{"com.docker.network.driver.mtu", "1400"}}));
    EXPECT_EQ(view->at("IPAM"), given.at("IPAM"));
    ASSERT_EQ(view->at("Containers").size(), 2);
    EXPECT_EQ(view->at("Containers").at(sample.db).at("Name"), "db");
    EXPECT_EQ(view->at("Containers").at(sample.net).at("Name"), "net");
    EXPECT_FALSE(view->contains("Peers"));
}

TEST_P(NetworkView, TheDefaultNetworkIsCalledBridgeAndLooksLikeIt)
{
    const auto view = view_network(data.at("network_bridge"), job, facts);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("Name"), "bridge");
    EXPECT_EQ(view->at("Options").at("com.docker.network.bridge.default_bridge"), "true");
    EXPECT_EQ(view->at("IPAM").at("Config").at(0).at("Gateway"), "172.18.0.1");
}

TEST_P(NetworkView, TheHostsOwnNetworksAreNotShown)
{
    EXPECT_FALSE(view_network(data.at("network_realbridge"), job, facts));
    for (const Json& each : data.at("networks"))
        if (!job.by_id(Kind::network, each.at("Id").get<std::string>()))
            EXPECT_FALSE(view_network(each, job, facts)) << each;
    EXPECT_FALSE(view_network(3, job, facts));
}

TEST_P(NetworkView, TheListHasTheJobsNetworksAndWhatDockerAlwaysHas)
{
    EXPECT_EQ(listed(""), (Names{"bridge", "front", "host", "none"}));
    const auto view = view_networks(data.at("networks"), {}, job, facts);
    ASSERT_TRUE(view);
    expect_no_traces(*view);
    for (const Json& network : *view) {
        const std::string id = network.at("Id");
        EXPECT_EQ(id.size(), 64);
        if (network.at("Name") == "bridge") EXPECT_EQ(id, sample.bridge);
        for (const Json& host : data.at("networks"))
            if (host.at("Name") == network.at("Name"))
                EXPECT_NE(network.at("Id"), host.at("Id")) << "an id of the host's own network";
    }
}

TEST_P(NetworkView, TheListIsFilteredByVirtualNames)
{
    const auto filter = [](const char* key, const std::string& value) { return Json{{key, {value}}}.dump(); };
    struct Case {
        std::string filters;
        Names names;
    };
    const std::vector<Case> cases = {
        {filter("name", "fro"), {"front"}},
        {filter("name", "berth"), {}},
        {filter("id", sample.front.substr(0, 12)), {"front"}},
        {filter("driver", "bridge"), {"bridge", "front"}},
        {filter("driver", "host"), {"host"}},
        {filter("driver", "null"), {"none"}},
        {filter("label", "tier=web"), {"front"}},
        {filter("label", "berth.key"), {}},
        {filter("scope", "swarm"), {}},
        {filter("type", "builtin"), {"bridge", "host", "none"}},
        {filter("type", "custom"), {"front"}},
        {filter("type", "odd"), {"error 400"}},
        {filter("dangling", "true"), {"front"}},
        {filter("dangling", "perhaps"), {"error 400"}},
    };
    for (const Case& each : cases) EXPECT_EQ(listed(each.filters), each.names) << each.filters;
}

TEST_P(NetworkView, BridgeIsThereBeforeItIsMade)
{
    FakeLookup fresh;
    const auto view = view_networks(Json::array(), {}, fresh, facts);
    ASSERT_TRUE(view);
    ASSERT_EQ(view->size(), 3);
    for (const Json& network : *view) {
        const std::string name = network.at("Name");
        const std::string id = network.at("Id");
        for (const std::string& reference : {name, id, id.substr(0, 12)}) {
            const auto inspected = builtin_network(reference, fresh);
            ASSERT_TRUE(inspected) << reference;
            EXPECT_EQ(*inspected, network);
        }
        EXPECT_FALSE(builtin_network(id.substr(0, 11), fresh));
    }
    EXPECT_TRUE(builtin_network("default", fresh));
    EXPECT_FALSE(builtin_network("front", fresh));
    EXPECT_FALSE(builtin_network("", fresh));
    EXPECT_FALSE(builtin_network("bridge", job)) << "it is made";
    EXPECT_TRUE(builtin_network("host", job));
}

TEST_P(NetworkView, AVolumeIsShownUnderItsVirtualName)
{
    Json given = data.at("volume");
    given["Status"] = {{"Host", "/srv/engine/x"}};
    given["Options"] = {{"type", "none"}, {"o", "bind"}, {"device", "/srv/engine/x"}};
    const auto view = view_volume(given, job);
    ASSERT_TRUE(view);
    expect_no_traces(*view);
    EXPECT_EQ(view->at("Name"), "data");
    EXPECT_EQ(view->at("Mountpoint"), "/var/lib/docker/volumes/data/_data");
    EXPECT_EQ(view->at("Labels"), Json({{"tier", "db"}}));
    given["Options"] = {{"type", "tmpfs"}, {"device", "tmpfs"}};
    EXPECT_EQ(view_volume(given, job)->at("Options"), given.at("Options"));
    for (const Json& each : data.at("volumes").at("Volumes"))
        EXPECT_EQ(view_volume(each, job).has_value(),
                  job.by_id(Kind::volume, each.at("Name").get<std::string>()) != nullptr);
}

TEST_P(NetworkView, TheListOfVolumesIsFilteredByVirtualNames)
{
    const std::unordered_set<std::string> used = {real_name(FakeLookup::test_key, "data"), sample.anonymous};
    const auto listed_volumes = [&](const std::string& filters) -> Names {
        const auto view = view_volumes(data.at("volumes"), filters_of(filters), used, job);
        if (!view) return {"error " + std::to_string(view.error().status)};
        expect_no_traces(*view);
        EXPECT_EQ(view->at("Warnings"), Json::array());
        Names names;
        for (const Json& each : view->at("Volumes"))
            names.push_back(each.at("Name") == sample.anonymous ? "ANON" : each.at("Name"));
        std::ranges::sort(names);
        return names;
    };
    EXPECT_EQ(listed_volumes(""), (Names{"ANON", "data", "idle"}));
    EXPECT_EQ(listed_volumes(R"({"name":["^da"]})"), (Names{"data"}));
    EXPECT_EQ(listed_volumes(R"({"name":["berth"]})"), (Names{}));
    EXPECT_EQ(listed_volumes(R"({"label":["tier=db"]})"), (Names{"data"}));
    EXPECT_EQ(listed_volumes(R"({"label":["berth.job"]})"), (Names{}));
    EXPECT_EQ(listed_volumes(R"({"driver":["nfs"]})"), (Names{}));
    EXPECT_EQ(listed_volumes(R"({"dangling":["true"]})"), (Names{"idle"}));
    EXPECT_EQ(listed_volumes(R"({"dangling":["false"]})"), (Names{"ANON", "data"}));
    EXPECT_EQ(listed_volumes(R"({"dangling":["odd"]})"), (Names{"error 400"}));
    EXPECT_EQ(view_volumes(Json::parse(R"({"Volumes":null,"Warnings":null})"), {}, {}, job)->at("Volumes"),
              Json::array());
}

ON_EVERY_ENGINE(NetworkView);

}  // namespace
}  // namespace rules
