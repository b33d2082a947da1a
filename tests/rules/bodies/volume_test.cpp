#include <gtest/gtest.h>

#include "rules/bodies/bodies.h"
#include "tests/rules/fake_lookup.h"

namespace rules {
namespace {

RewriteContext a_context()
{
    return {"build-17", std::string(FakeLookup::test_key), "default", "/run/berth/docker.sock", Version{1, 47}};
}

Result<Json> created(const std::string& text)
{
    const Result<Json> parsed = parse_json(text);
    const Result<Json> body = parsed ? admit(*parsed, volume_create_schema) : parsed;
    return body ? rewrite_volume_create(*body, Profile{}, a_context()) : body;
}

struct Case {
    const char* name;
    const char* body;
    const char* rule;
    const char* field;
};

TEST(VolumeCreate, RefusesWhatIsTheHosts)
{
    const Case cases[] = {
        {"M-13", R"({"Name":"v","Driver":"local","DriverOpts":{"type":"none","o":"bind","device":"/"}})",
         "volume-options", "DriverOpts.type"},
        {"M-14", R"({"DriverOpts":{"type":"ext4","device":"/dev/sda1","o":"rw"}})", "volume-options",
         "DriverOpts.type"},
        {"M-15", R"({"DriverOpts":{"type":"overlay","device":"overlay","o":"lowerdir=/etc"}})", "volume-options",
         "DriverOpts.type"},
        {"M-16", R"({"DriverOpts":{"type":"nfs","o":"addr=10.0.0.5,rw","device":":/export"}})", "volume-options",
         "DriverOpts.type"},
        {"no type", R"({"DriverOpts":{"device":"tmpfs","o":"bind"}})", "volume-options", "DriverOpts.type"},
        {"a type in capitals", R"({"DriverOpts":{"type":"TMPFS","device":"tmpfs"}})", "volume-options",
         "DriverOpts.type"},
        {"another device", R"({"DriverOpts":{"type":"tmpfs","device":"/etc","o":"size=1m"}})", "volume-options",
         "DriverOpts.device"},
        {"bind among the options", R"({"DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m,bind"}})", "tmpfs",
         "DriverOpts.o"},
        {"too large", R"({"DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=3g"}})", "limits.container.tmpfs_max", "DriverOpts.o"},
        {"another option", R"({"DriverOpts":{"size":"1m"}})", "volume-options", "DriverOpts.size"},
        {"M-18", R"({"Name":"v","Driver":"vieux/sshfs:latest"})", "volumes.drivers", "Driver"},
        {"S-07", R"({"ClusterVolumeSpec":{"Group":"x"}})", "volume-driver", "ClusterVolumeSpec"},
        {"the engine's mark", R"({"Labels":{"com.docker.volume.anonymous":""}})", "reserved-label",
         "Labels.com.docker.volume.anonymous"},
        {"unknown", R"({"Mountpoint":"/"})", "unknown-field", "Mountpoint"},
    };
    for (const Case& each : cases) {
        const Result<Json> result = created(each.body);
        ASSERT_FALSE(result) << each.name;
        EXPECT_EQ(result.error().status, 403) << each.name;
        EXPECT_EQ(result.error().rule, each.rule) << each.name;
        EXPECT_EQ(result.error().field, each.field) << each.name;
    }
}

TEST(VolumeCreate, SendsOnWhatClientsSend)
{
    Json expected = Json::parse(R"({"Name":"foo","Driver":"local","DriverOpts":{}})");
    expected["Labels"] = own_labels(a_context());
    EXPECT_EQ(created(R"({"Driver":"local","DriverOpts":{},"Labels":{},"Name":"foo"})").value(), expected);

    expected = Json::parse(R"({"Name":"p_data","Driver":"local"})");
    expected["Labels"] = own_labels(a_context());
    expected["Labels"]["com.docker.compose.volume"] = "data";
    EXPECT_EQ(created(R"({"Labels":{"com.docker.compose.volume":"data"," Berth.Key":"x"},"Name":"p_data"})").value(),
              expected);
    EXPECT_EQ(created("{}").value()["Driver"], "local");
}

TEST(VolumeCreate, BoundsATmpfs)
{
    const auto options = [](const std::string& o) {
        return created(R"({"DriverOpts":{"type":"tmpfs","device":"tmpfs","o":")" + o + R"("}})")
            .value()["DriverOpts"]["o"];
    };
    EXPECT_EQ(options("size=64m,uid=1000,gid=5,mode=1777"), "size=64m,uid=1000,gid=5,mode=1777");
    EXPECT_EQ(options(""), "size=2147483648");
    EXPECT_EQ(options("size=0"), "size=2147483648") << "to the kernel 0 is no limit";
    EXPECT_EQ(options("size=-1,noexec"), "noexec,size=2147483648");
    EXPECT_EQ(options("suid,dev,size=2G"), "size=2G");
    const auto many = created(R"({"DriverOpts":{"type":"tmpfs","device":"tmpfs","o":")" + std::string(64, ',') + R"("}})");
    EXPECT_EQ(many.error().message, "DriverOpts.o has more than 64 options");
}

}  // namespace
}  // namespace rules
