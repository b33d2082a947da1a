#include "tests/rules/bodies/container_body.h"

namespace rules {
namespace {

TEST(ContainerCreate, AsksForWhatMustExistFirst)
{
    const auto plain = judge(R"({"Image":"alpine"})").value();
    EXPECT_TRUE(plain.default_network);
    EXPECT_TRUE(plain.volumes.empty());

    EXPECT_TRUE(judge(with_host(R"({"NetworkMode":"default"})")).value().default_network);
    EXPECT_TRUE(judge(with_host(R"({"NetworkMode":"bridge"})")).value().default_network);
    EXPECT_TRUE(judge(with_endpoints(R"({"back":{},"bridge":{}})")).value().default_network);
    EXPECT_FALSE(judge(with_endpoints(R"({"back":{}})")).value().default_network);
    EXPECT_FALSE(judge(with_host(R"({"NetworkMode":"none","PublishAllPorts":true})")).value().default_network);
    EXPECT_FALSE(judge(with_host(R"({"NetworkMode":"back"})")).value().default_network);
    EXPECT_TRUE(judge(with_host(R"({"NetworkMode":"back","PortBindings":{"80/tcp":[]}})")).value().default_network)
        << "published ports live on the default network's address";

    const auto mounted = judge(with_host(R"({"Binds":["data:/a","new:/b","new:/c","/d"],
        "Mounts":[{"Type":"volume","Source":"other","Target":"/e"},{"Type":"volume","Target":"/f"}]})"))
                             .value();
    EXPECT_EQ(mounted.volumes, (std::vector<std::string>{"new", "other"}));
}

TEST(ContainerCreate, WritesRealNamesAndFullIds)
{
    const Json host = sent(with_host(R"({
        "Binds": ["data:/a", "new:/b:ro,z,cached", "/c", "/var/run/docker.sock:/var/run/docker.sock:rw,Z", "/run/docker.sock:/d"],
        "Mounts": [{"Type":"bind","Source":"/run/docker.sock","Target":"/s","ReadOnly":true,"Consistency":"cached",
                    "BindOptions":{"Propagation":"rprivate","CreateMountpoint":true},"VolumeOptions":{"NoCopy":true}},
                   {"Type":"tmpfs","Target":"/t","TmpfsOptions":{"Mode":511,"Options":[["noexec"]]}}],
        "VolumesFrom": ["db", "db:ro"], "PidMode": "container:db", "IpcMode": "container:)" +
                                     db_id.substr(0, 12) + R"(", "NetworkMode": "container:/db"})"))["HostConfig"];
    const std::string door = a_context().door;
    EXPECT_EQ(host["Binds"],
              Json({real("data") + ":/a", real("new") + ":/b:ro", door + ":/var/run/docker.sock:rw", door + ":/d"}));
    EXPECT_EQ(host["Mounts"][0], (Json{{"Type", "bind"}, {"Source", door}, {"Target", "/s"}, {"ReadOnly", true}}));
    EXPECT_EQ(host["Mounts"][1], Json::parse(R"({"Type":"tmpfs","Target":"/t",
                              "TmpfsOptions":{"Mode":511,"Options":[["noexec"]],"SizeBytes":2147483648}})"));
    EXPECT_EQ(host["VolumesFrom"], Json({db_id, db_id + ":ro"}));
    EXPECT_EQ(host["PidMode"], "container:" + db_id);
    EXPECT_EQ(host["IpcMode"], "container:" + db_id);
    EXPECT_EQ(host["NetworkMode"], "container:" + db_id);
    EXPECT_EQ(sent(with_host(R"({"Binds":["/c"]})"))["Volumes"], Json::parse(R"({"/c":{}})"));
}

TEST(ContainerCreate, WritesDefaultsAndBounds)
{
    RewriteContext old = a_context();
    old.version = {1, 24};
    const Json plain = sent(R"({"Image":"alpine"})", {}, old);
    EXPECT_EQ(plain["Image"], image_id);
    EXPECT_EQ(plain["HostConfig"]["IpcMode"], "private");
    EXPECT_EQ(plain["HostConfig"]["CgroupnsMode"], "private");
    EXPECT_EQ(plain["HostConfig"]["LogConfig"],
              Json::parse(R"({"Type":"json-file","Config":{"max-size":"268435456","max-file":"2"}})"));
    Json labels = own_labels(a_context());
    labels["berth.image"] = "alpine";  // what the client called it
    labels["berth.mounts"] = "";
    EXPECT_EQ(plain["Labels"], labels);

    const Json body = sent(R"({"Image":"alpine","StopTimeout":-1,"Labels":{"a":"b","Berth.Job":"x"," berth.key":"y"},
        "Healthcheck":{"Test":["CMD","true"],"Interval":1000000,"Timeout":0,"StartInterval":5000000000,"Retries":500},
        "MacAddress":"","name":"web","platform":"linux/amd64","Entrypoint":"",
        "HostConfig":{"CgroupParent":"/","UsernsMode":"host","Annotations":{"x":"y"},"ContainerIDFile":"/x","KernelMemory":5,
        "IpcMode":"shareable","RestartPolicy":{"Name":"always","MaximumRetryCount":0},"Tmpfs":{"/t":"dev,suid,exec,size=1m","/u":""},
        "LogConfig":{"Type":"local","Config":{"max-size":"1g","max-file":"1","mode":"non-blocking","max-buffer-size":"200g",
        "cache-max-size":"1g","tag":"t","labels":"a,berth.key,Berth.job,b","labels-regex":".*"}}}})");
    const Json& host = body["HostConfig"];
    EXPECT_EQ(body["StopTimeout"], 60);
    EXPECT_EQ(
        body["Healthcheck"],
        Json::parse(
            R"({"Test":["CMD","true"],"Interval":1000000000,"Timeout":0,"StartInterval":5000000000,"Retries":100})"));
    labels["a"] = "b";
    EXPECT_EQ(body["Labels"], labels);
    EXPECT_EQ(body["Entrypoint"], Json({""}));
    EXPECT_EQ(host["RestartPolicy"], Json::parse(R"({"Name":"on-failure","MaximumRetryCount":10})"));
    EXPECT_EQ(host["LogConfig"],
              Json::parse(R"({"Type":"local","Config":{"max-size":"268435456","max-file":"1","tag":"t","labels":"a,b"}})"));
    const Json tagged = sent(R"({"Image":"alpine","HostConfig":{"LogConfig":{"Type":"json-file","Config":{"tag":"{{.Name}}"}}}})");
    EXPECT_FALSE(tagged["HostConfig"]["LogConfig"]["Config"].contains("tag"));
    EXPECT_EQ(host["IpcMode"], "shareable");
    EXPECT_EQ(host["Tmpfs"], Json::parse(R"({"/t":"exec,size=1m","/u":"size=2147483648"})"));
    for (const char* gone : {"CgroupParent", "UsernsMode", "Annotations", "ContainerIDFile", "KernelMemory"})
        EXPECT_FALSE(host.contains(gone)) << gone;
    for (const char* gone : {"name", "platform"}) EXPECT_FALSE(body.contains(gone)) << gone;
}

TEST(ContainerCreate, FollowsItsProfile)
{
    Profile profile;
    profile.capabilities_allowed = {"NET_ADMIN"};
    profile.sysctls_allowed = {"kernel.shmmax"};
    profile.log_drivers = {"local"};
    EXPECT_TRUE(judge(with_host(R"({"CapAdd":["cap_net_admin"],"Sysctls":{"kernel.shmmax":"1"}})"), profile));
    EXPECT_FALSE(judge(with_host(R"({"CapAdd":["SYS_PTRACE"]})"), profile));
    EXPECT_FALSE(judge(with_host(R"({"Sysctls":{"kernel.shmmaxx":"1"}})"), profile));
    EXPECT_FALSE(judge(with_host(R"({"LogConfig":{"Type":"json-file"}})"), profile));
    EXPECT_EQ(sent(R"({"Image":"alpine"})", profile)["HostConfig"]["LogConfig"]["Type"], "local");
}

TEST(ContainerCreate, JudgesWhatTheImageBrings)
{
    const Json image =
        Json::parse(R"({"Healthcheck":{"Test":["CMD","x"],"Interval":1000000,"Timeout":3000000000,"Retries":999},
        "ExposedPorts":{"5432/tcp":{}},"Labels":{"berth.job":"other"}})");
    Json body = Json::parse(R"({"Image":"alpine","HostConfig":{"PublishAllPorts":true}})");
    ASSERT_TRUE(merge_image_config(body, image, {}));
    EXPECT_EQ(body["Healthcheck"], Json::parse(R"({"Interval":1000000000,"Retries":100})")) << "the rest is inherited";
    EXPECT_EQ(body["ExposedPorts"], Json::parse(R"({"5432/tcp":{}})"));

    Json own = Json::parse(R"({"Image":"alpine","Healthcheck":{"Interval":2000000000,"Retries":3}})");
    ASSERT_TRUE(merge_image_config(own, image, {}));
    EXPECT_EQ(own["Healthcheck"], Json::parse(R"({"Interval":2000000000,"Retries":3})"));
    EXPECT_FALSE(own.contains("ExposedPorts")) << "what nobody publishes may be exposed";

    Json quiet = Json::parse(R"({"Image":"alpine"})");
    ASSERT_TRUE(merge_image_config(quiet, Json::parse(R"({"Healthcheck":null,"ExposedPorts":null})"), {}));
    EXPECT_EQ(quiet, Json::parse(R"({"Image":"alpine"})"));

    Json flood = Json::parse(R"({"Image":"alpine","HostConfig":{"PublishAllPorts":true}})");
    const Json flooding = Json::parse(R"({"ExposedPorts":{"1-65535/tcp":{}},"Healthcheck":{"Interval":1}})");
    const Result<void> merged = merge_image_config(flood, flooding, {});
    ASSERT_FALSE(merged);
    EXPECT_EQ(merged.error().rule, "ports.max");
    EXPECT_FALSE(flood.contains("Healthcheck")) << "another profile may have another floor";
}

TEST(ContainerCreate, RefusesWhatWasRemovedSinceItWasJudged)
{
    FakeLookup job = a_job();
    Json body =
        admit(Json::parse(with_host(R"({"NetworkMode":"back","VolumesFrom":["db"]})")), container_create_schema)
            .value();
    ASSERT_TRUE(judge_container_create(body, job, {}));
    EXPECT_EQ(rewrite_container_create(body, {"web", "alpine"}, job, {}, a_context(), "").error().status, 404) << "a name of an image is never sent";
    ASSERT_TRUE(resolve_image(body, job));
    ASSERT_TRUE(rewrite_container_create(body, {"web", "alpine"}, job, {}, a_context(), ""));
    job.remove(Kind::container, db_id);
    const Result<Json> rewritten = rewrite_container_create(body, {"web", "alpine"}, job, {}, a_context(), "");
    ASSERT_FALSE(rewritten);
    EXPECT_EQ(rewritten.error().status, 404);
}

}  // namespace
}  // namespace rules
