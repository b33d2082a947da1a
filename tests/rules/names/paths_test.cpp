#include "rules/names/paths.h"

#include <gtest/gtest.h>

#include "rules/bodies/bodies.h"
#include "tests/rules/fake_lookup.h"

namespace rules {
namespace {

using Root = PathMount::Root;

const Json anchor = Json::parse(R"({"Id":"aaaa","Name":"/anchor",
  "HostConfig":{"Tmpfs":{"/builds/tmp":""},"Mounts":[{"Type":"volume","Target":"/part","VolumeOptions":{"Subpath":"of/it"}}]},
  "Mounts":[
    {"Type":"bind","Source":"/srv/builds","Destination":"/builds","RW":true},
    {"Type":"bind","Source":"/srv/builds/keys","Destination":"/builds/keys","RW":false},
    {"Type":"bind","Source":"/srv","Destination":"/all","RW":true},
    {"Type":"volume","Name":"cache","Source":"/var/lib/docker/volumes/cache/_data","Destination":"/cache","RW":true},
    {"Type":"volume","Name":"large","Source":"/var/lib/docker/volumes/large/_data","Destination":"/part","RW":true},
    {"Type":"bind","Source":"/run/berth/jobs/x","Destination":"/door","RW":true},
    {"Type":"bind","Source":"/run","Destination":"/run-of-host","RW":true},
    {"Type":"bind","Source":"/","Destination":"/host","RW":true},
    {"Type":"bind","Source":"/proc/1","Destination":"/one","RW":true},
    {"Type":"tmpfs","Source":"","Destination":"/dev/shm","RW":true},
    {"Type":"bind","Source":"/srv/odd","Destination":"/odd"}]})");

JobPaths paths()
{
    return {mounts_of_container(anchor, {"/run/berth", "/var/lib/docker"}), std::string(64, 'a'), "anchor"};
}

Result<ResolvedPath> place(const std::string& path)
{
    return resolve_path(clean_absolute(path), paths(), "HostConfig.Binds", path);
}

TEST(Paths, AreCleanedAsGoDoes)
{
    for (const auto& [path, clean] : std::initializer_list<std::pair<const char*, const char*>>{{"/", "/"},
                                                                                                {"", "/"},
                                                                                                {"//a///b/", "/a/b"},
                                                                                                {"/a/./b/.", "/a/b"},
                                                                                                {"/a/../b", "/b"},
                                                                                                {"/../../a", "/a"},
                                                                                                {"/a/..", "/"},
                                                                                                {"/.../a", "/.../a"}})
        EXPECT_EQ(clean_absolute(path), clean) << path;
    EXPECT_TRUE(is_within("/a/b", "/a"));
    EXPECT_TRUE(is_within("/a", "/"));
    EXPECT_FALSE(is_within("/ab", "/a"));
}

TEST(Paths, TheLongestMountDecides)
{
    EXPECT_EQ(place("/cache/x").value().source, "cache");
    EXPECT_EQ(place("/cache/x").value().subpath, "x");
    EXPECT_EQ(place("/cache").value().subpath, "");
    EXPECT_TRUE(place("/builds/keys/id").value().read_only);
    EXPECT_FALSE(place("/builds/keyring").value().read_only);
    EXPECT_TRUE(place("/odd").value().read_only) << "what is not said to be writable";
    EXPECT_FALSE(place("/builds/tmp/x")) << "a tmpfs is nobody else's";
}

TEST(Paths, ARootWithinAnotherRootIsReachedFromThere)
{
    EXPECT_EQ(place("/builds/sub").value().source, "/srv");
    EXPECT_EQ(place("/builds/sub").value().subpath, "builds/sub");
    EXPECT_EQ(place("/builds/keys/id").value().host_path(), "/srv/builds/keys/id");
}

TEST(Paths, PartOfAVolumeStaysAPart)
{
    EXPECT_EQ(place("/part/x").value().subpath, "of/it/x");
    EXPECT_EQ(place("/part/../part").value().subpath, "of/it");
}

TEST(Paths, WhatIsTheHostsIsRefusedWithWhatWouldWork)
{
    for (const char* path : {"/", "/etc", "/buildsx", "/builds/../etc", "/door/docker.sock", "/run-of-host/x",
                             "/host/etc", "/one/root", "/dev/shm/x", "/builds/a\nb", "/builds/a\\b"}) {
        const Result<ResolvedPath> found = place(path);
        ASSERT_FALSE(found) << path;
        EXPECT_EQ(found.error().status, 403);
        EXPECT_EQ(found.error().rule, "binds");
        EXPECT_NE(
            found.error().message.find("paths beneath /all, /builds, /builds/keys, /cache, /odd, /part can be bound"),
            std::string::npos)
            << found.error().message;
    }
    EXPECT_TRUE(mounts_of_workspace("/var/lib", {"/var/lib/docker"}).empty());
    EXPECT_TRUE(mounts_of_workspace("/", {}).empty());
    EXPECT_EQ(mounts_of_workspace("/home/me", {"/run/berth"}).size(), 1u);
}

TEST(Paths, TheAnchorHasAnIdAndAName)
{
    for (const char* name : {"anchor", "/anchor", "aaaaaaaaaaaa"}) EXPECT_TRUE(is_anchor(name, paths())) << name;
    for (const char* name : {"", "anch", "aaaaaaaaaaa", "b"}) EXPECT_FALSE(is_anchor(name, paths())) << name;
    EXPECT_FALSE(is_anchor("", JobPaths()));
}

struct JobWithPaths : FakeLookup {
    JobPaths its = rules::paths();
    const JobPaths& paths() const override { return its; }
};

TEST(Paths, TheDoorIsTheSocketUnderItsOwnPathToo)
{
    JobWithPaths job;
    job.its.door = "/run/berth/jobs/k/docker.sock";
    job.add(Kind::image, "alpine:latest", "sha256:" + FakeLookup::id_of("a1"));
    job.add(Kind::network, "bridge", FakeLookup::id_of("b1"));
    const RewriteContext context{"job", std::string(FakeLookup::test_key), "default", job.its.door, Version{1, 45}};
    Json body = admit(Json::parse(R"({"Image":"alpine","HostConfig":{"Binds":["/run/berth/jobs/k/docker.sock:/var/run/docker.sock"],
        "Mounts":[{"Type":"bind","Source":"/run/berth/jobs/k/docker.sock","Target":"/s"}]}})"),
                      container_create_schema)
                    .value();
    ASSERT_TRUE(judge_container_create(body, job, Profile{}));
    ASSERT_TRUE(resolve_image(body, job));
    const Json host = rewrite_container_create(body, {"web", "alpine"}, job, Profile{}, context, "").value()["HostConfig"];
    EXPECT_EQ(host["Binds"], Json({job.its.door + ":/var/run/docker.sock"}));
    EXPECT_EQ(host["Mounts"][0]["Source"], job.its.door);
    body["HostConfig"]["Binds"] = {"/run/berth/jobs/other/docker.sock:/x"};
    EXPECT_FALSE(judge_container_create(body, job, Profile{}));
}

TEST(Paths, ABodyGetsThePinsAndRemembersWhatWasAsked)
{
    JobWithPaths job;
    job.add(Kind::image, "alpine:latest", "sha256:" + FakeLookup::id_of("a1"));
    job.add(Kind::network, "bridge", FakeLookup::id_of("b1"));
    const Json body =
        Json::parse(R"({"Image":"alpine","HostConfig":{"Binds":["/builds//sub:/x:ro,z"],"VolumesFrom":["anchor:ro"],
        "Mounts":[{"Type":"bind","Source":"/cache/y","Target":"/builds","BindOptions":{"CreateMountpoint":true}}]}})");
    Json admitted = admit(body, container_create_schema).value();
    ASSERT_TRUE(resolve_image(admitted, job));
    const auto judged = judge_container_create(admitted, job, Profile{});
    ASSERT_TRUE(judged) << judged.error().message;
    const ContainerNeeds& needs = *judged;
    EXPECT_TRUE(needs.paths.at("/builds/sub"));
    EXPECT_TRUE(needs.paths.at("/cache/y"));
    EXPECT_FALSE(needs.paths.at("/odd"));

    RewriteContext context{"job", std::string(FakeLookup::test_key), "default", "/run/berth/door", Version{1, 45}};
    for (const auto& [path, make] : needs.paths) context.pins[path] = Pin{"root", path.substr(1), path == "/odd"};
    const auto rewritten = rewrite_container_create(admitted, {"box", "alpine"}, job, Profile{}, context, "");
    ASSERT_TRUE(rewritten) << rewritten.error().message;
    const Json& sent = *rewritten;
    const Json& host = sent.at("HostConfig");
    EXPECT_TRUE(host.at("Binds").empty());
    EXPECT_TRUE(host.at("VolumesFrom").empty());
    EXPECT_EQ(host.at("Mounts")[0], Json::parse(R"({"Type":"volume","Source":"root","Target":"/x","ReadOnly":true,
        "VolumeOptions":{"NoCopy":true,"Subpath":"builds/sub"}})"));
    int targets = 0;
    for (const Json& mount : host.at("Mounts")) {
        targets += mount.at("Target") == "/builds";
        if (mount.at("Target") != "/builds") EXPECT_TRUE(mount.at("ReadOnly")) << mount;
    }
    EXPECT_EQ(targets, 1) << "the container's own mount hides the anchor's";
    const Json label = Json::parse(sent.at("Labels").at(std::string(label_mounts)).get<std::string>());
    EXPECT_EQ(label.at("Binds"), body.at("HostConfig").at("Binds"));
    EXPECT_EQ(label.at("Shown").at("/x").at("Source"), "/builds/sub");
}

TEST(Paths, APathWithoutAPinIsNotSent)
{
    JobWithPaths job;
    job.add(Kind::image, "alpine:latest", "sha256:" + FakeLookup::id_of("a1"));
    Json body =
        admit(Json::parse(R"({"Image":"alpine","HostConfig":{"Binds":["/builds/sub:/x"]}})"), container_create_schema)
            .value();
    ASSERT_TRUE(resolve_image(body, job));
    const auto sent = rewrite_container_create(
        body, {"box", "alpine"}, job, Profile{},
        RewriteContext{"job", std::string(FakeLookup::test_key), "default", "/door", Version{1, 45}}, "");
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().status, 409);
}

}  // namespace
}  // namespace rules
