#include "tests/rules/views/sample.h"

namespace rules {
namespace {

class ContainerView : public ViewsOf {
protected:
    Json inspect(const char* name)
    {
        const auto view = view_container(data.at(std::string("inspect_") + name), job, facts);
        if (!view) throw std::runtime_error("no view");
        return *view;
    }

    /// Names of the containers that the list shows, in its order.
    std::vector<std::string> listed(const std::string& filters, std::size_t limit = 0, bool up_only = false)
    {
        const auto view = view_containers(data.at("list"), filters_of(filters), limit, job, facts, up_only);
        if (!view) return {"error " + std::to_string(view.error().status)};
        std::vector<std::string> names;
        for (const Json& each : *view) names.push_back(each.at("Names").at(0));
        return names;
    }

    Json line_of(const std::string& id)
    {
        const auto view = view_containers(data.at("list"), {}, 0, job, facts);
        for (const Json& each : *view)
            if (each.at("Id") == id) return each;
        return {};
    }
};
using Names = std::vector<std::string>;

TEST_P(ContainerView, InspectHasNoTraceOfTheHost)
{
    for (const char* name : {"db", "web", "none", "net"}) expect_no_traces(inspect(name));
}

TEST_P(ContainerView, InspectHasTheJobsNames)
{
    const Json view = inspect("db");
    EXPECT_EQ(view.at("Name"), "/db");
    EXPECT_EQ(view.at("Id"), sample.db);
    EXPECT_EQ(view.at("Image"), sample.busybox);
    EXPECT_EQ(view.at("Config").at("Image"), "busybox:latest");
    EXPECT_EQ(view.at("Config").at("Labels"), Json({{"com.example", "yes"}, {"stage", "base"}}));
    EXPECT_EQ(view.at("HostConfig").at("NetworkMode"), "bridge");
    EXPECT_EQ(view.at("HostConfig").at("Binds"), Json({"data:/data:ro", "/var/run/docker.sock:/var/run/docker.sock"}));
    EXPECT_EQ(view.at("HostConfig").at("Mounts").at(0).at("Source"), "idle");
    EXPECT_EQ(view.at("ExecIDs"), Json({sample.exec}));
}

TEST_P(ContainerView, HostPathsAreThoseOfADockerOfTheJobsOwn)
{
    const Json view = inspect("db");
    const std::string directory = "/var/lib/docker/containers/" + sample.db;
    EXPECT_EQ(view.at("HostsPath"), directory + "/hosts");
    EXPECT_EQ(view.at("LogPath"), directory + "/" + sample.db + "-json.log");
    EXPECT_EQ(view.at("GraphDriver").at("Name"), "overlay2");
    EXPECT_TRUE(view.at("GraphDriver").at("Data").is_null());
    EXPECT_TRUE(view.at("NetworkSettings").at("SandboxKey").get<std::string>().starts_with("/var/run/docker/netns/"));
    EXPECT_EQ(view.at("State").at("Pid"), 1);
    EXPECT_EQ(inspect("none").at("State").at("Pid"), 0);
}

TEST_P(ContainerView, MountsNameTheJobsVolumes)
{
    std::map<std::string, Json> mounts;
    const Json view = inspect("db");
    for (const Json& mount : view.at("Mounts")) mounts[mount.at("Destination")] = mount;
    EXPECT_EQ(mounts.at("/data").at("Name"), "data");
    EXPECT_EQ(mounts.at("/data").at("Source"), "/var/lib/docker/volumes/data/_data");
    EXPECT_EQ(mounts.at("/anon").at("Name"), sample.anonymous);
    EXPECT_EQ(mounts.at("/anon").at("Source"), "/var/lib/docker/volumes/" + sample.anonymous + "/_data");
    EXPECT_EQ(mounts.at("/var/run/docker.sock").at("Source"), "/var/run/docker.sock");
    EXPECT_EQ(mounts.at("/tmp"),
              Json::parse(R"({"Type":"tmpfs","Source":"","Destination":"/tmp","Mode":"","RW":true,"Propagation":""})"));
}

TEST_P(ContainerView, AVolumeThatStandsForAPathOfAnotherContainerIsABindWithoutASource)
{
    for (const std::string& real : {real_name(job.key(), root_volume_name("/srv")), std::string("of-the-host")}) {
        Json answer = data.at("inspect_db");
        answer["Mounts"] = Json::array({{{"Type", "volume"}, {"Name", real}, {"Source", "/var/lib/docker/volumes/" + real + "/_data"},
                                         {"Destination", "/x"}, {"Driver", "local"}, {"Mode", ""}, {"RW", true}, {"Propagation", ""}}});
        const Json view = view_container(answer, job, facts).value();
        EXPECT_EQ(view.at("Mounts"), Json::parse(R"([{"Type":"bind","Source":"","Destination":"/x","Mode":"","RW":true,"Propagation":"rprivate"}])"));
    }
}

TEST_P(ContainerView, PublishedPortsAreOnEveryAddress)
{
    const Json view = inspect("db");
    EXPECT_EQ(view.at("HostConfig").at("PortBindings").at("80/tcp"),
              Json::parse(R"([{"HostIp":"","HostPort":"8080"}])"));
    EXPECT_EQ(view.at("NetworkSettings").at("Ports").at("80/tcp"),
              Json::parse(R"([{"HostIp":"0.0.0.0","HostPort":"8080"}])"));
    EXPECT_EQ(line_of(sample.db).at("Ports").at(0).at("IP"), "0.0.0.0");
    Json local = data.at("inspect_db");
    local["HostConfig"]["PortBindings"]["80/tcp"][0]["HostIp"] = local["NetworkSettings"]["Ports"]["80/tcp"][0]["HostIp"] = "127.0.0.1";
    const Json seen = view_container(local, job, facts).value();
    EXPECT_EQ(seen.at("HostConfig").at("PortBindings"), view.at("HostConfig").at("PortBindings"));
    EXPECT_EQ(seen.at("NetworkSettings").at("Ports"), view.at("NetworkSettings").at("Ports"));
    facts.gateway.clear();
    EXPECT_EQ(inspect("db").at("HostConfig").at("PortBindings").at("80/tcp").at(0).at("HostIp"), "172.18.0.1");
}

TEST_P(ContainerView, NetworksHaveTheJobsNamesAndTheFlatAddressIsThatOnBridge)
{
    const Json settings = inspect("db").at("NetworkSettings");
    const Json& networks = settings.at("Networks");
    ASSERT_EQ(networks.size(), 2);
    EXPECT_TRUE(networks.at("bridge").at("Aliases").is_null());
    EXPECT_EQ(networks.at("bridge").at("NetworkID"), sample.bridge);
    EXPECT_EQ(settings.at("IPAddress"), networks.at("bridge").at("IPAddress"));
    EXPECT_EQ(settings.at("Gateway"), "172.18.0.1");
    EXPECT_EQ(settings.at("IPPrefixLen"), 16);
    EXPECT_EQ(settings.at("MacAddress"), networks.at("bridge").at("MacAddress"));

    const std::string short_id = sample.db.substr(0, 12);
    const Json& front = networks.at("front");
    if (facts.version < Version{1, 44}) {
        EXPECT_EQ(front.at("Aliases"), Json({"database", short_id}));
    } else {
        EXPECT_EQ(front.at("Aliases"), Json({"database"}));
        EXPECT_EQ(front.at("DNSNames"), Json({"db", "database", short_id}));
    }
}

TEST_P(ContainerView, OtherNetworkModesAreShownAsTheyWereAskedFor)
{
    EXPECT_EQ(inspect("web").at("HostConfig").at("NetworkMode"), "container:" + sample.db);
    EXPECT_EQ(inspect("none").at("HostConfig").at("NetworkMode"), "none");
    EXPECT_TRUE(inspect("none").at("NetworkSettings").at("Networks").contains("none"));
    const Json net = inspect("net");
    EXPECT_EQ(net.at("HostConfig").at("NetworkMode"), "front");
    EXPECT_EQ(net.at("NetworkSettings").at("Networks").at("front").at("Links"), Json({"db:dblink"}));
    EXPECT_EQ(net.at("NetworkSettings").at("IPAddress"), "") << "only bridge fills the flat fields";
}

TEST_P(ContainerView, NetworksThatTheJobDoesNotOwnAreLeftOut)
{
    Json given = data.at("inspect_db");
    given["NetworkSettings"]["Networks"]["gitlab"] = {{"NetworkID", std::string(64, 'e')}, {"IPAddress", "10.9.9.9"}};
    given["NetworkSettings"]["Networks"][std::string("berth.") + Sample::other_key + ".front"] = {
        {"IPAddress", "10.9.9.9"}};
    const auto view = view_container(given, job, facts);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("NetworkSettings").at("Networks").size(), 2);
    EXPECT_EQ(view->dump().find("10.9.9.9"), std::string::npos);
}

TEST_P(ContainerView, RealNamesInTextsBecomeTheJobsOrNobodys)
{
    Json given = data.at("inspect_db");
    const std::string own = "berth." + std::string(FakeLookup::test_key);
    given["State"]["Error"] = "endpoint " + own + ".db failed: in use by berth." + Sample::other_key + ".x";
    given["HostConfig"]["Links"] = {"/" + own + ".net:/" + own + ".db/alias"};
    given["HostConfig"]["VolumesFrom"] = {sample.net + ":ro"};
    const auto view = view_container(given, job, facts);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("State").at("Error"), "endpoint db failed: in use by (another job's object)");
    EXPECT_EQ(view->at("HostConfig").at("Links"), Json({"/net:/db/alias"}));
    EXPECT_EQ(view->at("HostConfig").at("VolumesFrom"), Json({"net:ro"}));
}

TEST_P(ContainerView, OthersContainersAreNotShown)
{
    for (const Json& entry : data.at("list"))
        if (!job.by_id(Kind::container, entry.at("Id").get<std::string>()))
            EXPECT_FALSE(view_container({{"Id", entry.at("Id")}, {"Name", entry.at("Names").at(0)}}, job, facts));
    EXPECT_FALSE(view_container(Json::array(), job, facts));
    EXPECT_FALSE(view_container(nullptr, job, facts));
}

TEST_P(ContainerView, AnImageWithoutAReferenceIsShownByItsId)
{
    FakeLookup bare;
    bare.add(Kind::container, "db", sample.db);
    bare.add(Kind::image, Named{sample.busybox, "", sample.busybox});
    const auto view = view_container(data.at("inspect_db"), bare, facts);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("Config").at("Image"), sample.busybox);
}

TEST_P(ContainerView, TheListHasOnlyTheJobsContainersNewestFirst)
{
    EXPECT_EQ(listed(""), (Names{"/net", "/none", "/web", "/db"}));
    const auto view = view_containers(data.at("list"), {}, 0, job, facts);
    ASSERT_TRUE(view);
    expect_no_traces(*view);
    const Json db = line_of(sample.db);
    EXPECT_EQ(db.at("Image"), "busybox:latest");
    EXPECT_EQ(db.at("ImageID"), sample.busybox);
    EXPECT_EQ(db.at("HostConfig").at("NetworkMode"), "bridge");
    EXPECT_EQ(db.at("Labels"), Json({{"com.example", "yes"}, {"stage", "base"}}));
    EXPECT_TRUE(db.at("NetworkSettings").at("Networks").contains("front"));
}

TEST_P(ContainerView, NamesThatLinksAddAreDropped)
{
    Json list = data.at("list");
    for (Json& entry : list)
        if (entry.at("Id") == sample.db)
            entry["Names"].push_back("/berth." + std::string(FakeLookup::test_key) + ".net/dblink");
    const auto view = view_containers(list, filters_of(R"({"name":["^/db$"]})"), 0, job, facts);
    ASSERT_TRUE(view);
    ASSERT_EQ(view->size(), 1);
    EXPECT_EQ(view->at(0).at("Names"), Json({"/db"}));
}

TEST_P(ContainerView, TheListIsFilteredByVirtualNamesAndOwnIds)
{
    const auto filter = [](const char* key, const std::string& value) { return Json{{key, {value}}}.dump(); };
    struct Case {
        std::string filters;
        Names names;
    };
    const std::vector<Case> cases = {
        {filter("name", "db"), {"/db"}},
        {filter("name", "^/?net$"), {"/net"}},
        {filter("name", "n"), {"/net", "/none"}},
        {filter("name", "berth"), {}},
        {filter("id", sample.db), {"/db"}},
        {filter("id", sample.db.substr(0, 12)), {"/db"}},
        {filter("id", ""), {}},
        {filter("label", "com.example"), {"/db"}},
        {filter("label", "com.example=no"), {}},
        {filter("label", "berth.job"), {}},
        {filter("label!", "com.example"), {"/net", "/none", "/web"}},
        {filter("network", "front"), {"/net", "/db"}},
        {filter("network", "bridge"), {"/db"}},
        {filter("network", sample.front.substr(0, 12)), {"/net", "/db"}},
        {filter("network", "none"), {"/none"}},
        {filter("volume", "data"), {"/db"}},
        {filter("volume", "/idle"), {"/db"}},
        {filter("volume", "berth." + std::string(FakeLookup::test_key) + ".data"), {}},
        {filter("ancestor", "busybox"), {"/net", "/none", "/web", "/db"}},
        {filter("ancestor", sample.busybox), {"/net", "/none", "/web", "/db"}},
        {filter("ancestor", "built:1"), {}},
        {filter("ancestor", "secret.example/app:1"), {}},
        {filter("before", "web"), {"/db"}},
        {filter("since", "web"), {"/net", "/none"}},
        {filter("since", sample.db), {"/net", "/none", "/web"}},
        {R"({"since":["db"],"before":["net"]})", {"/none", "/web"}},
        {R"({"since":["net"],"before":["none"]})", {}},
        {filter("before", "plain"), {"error 404"}},
        {filter("since", "absent"), {"error 404"}},
        {filter("status", "running"), {"/net", "/web", "/db"}},
        {R"({"name":["n"],"network":["front"]})", {"/net"}},
    };
    for (const Case& each : cases) EXPECT_EQ(listed(each.filters), each.names) << each.filters;
}

TEST_P(ContainerView, TheLimitCountsWhatTheFiltersLeave)
{
    EXPECT_EQ(listed("", 2), (Names{"/net", "/none"}));
    EXPECT_EQ(listed(R"({"network":["front"]})", 1), (Names{"/net"}));
    EXPECT_EQ(listed(R"({"name":["db"]})", 1), (Names{"/db"}));
    EXPECT_EQ(listed("", 0, true), (Names{"/net", "/web", "/db"}));
}

TEST_P(ContainerView, AnExecIsShownToItsJobOnly)
{
    const auto view = view_exec(data.at("exec"), job);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->at("Pid"), 1);
    EXPECT_EQ(view->at("ContainerID"), sample.db);
    Json foreign = data.at("exec");
    foreign["ID"] = std::string(64, 'a');
    foreign["ContainerID"] = std::string(64, 'b');
    EXPECT_FALSE(view_exec(foreign, job));
}

ON_EVERY_ENGINE(ContainerView);

}  // namespace
}  // namespace rules
