#include "rules/redact.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

TEST(Redacted, BodiesHaveNoSecretsLeft)
{
    const Json given = Json::parse(R"({
        "Image": "busybox", "Env": ["PASSWORD=s3cret", "PATH"], "Cmd": ["sh", "-c", "curl -H s3cret"], "Entrypoint": "s3cret",
        "Healthcheck": {"Test": ["CMD", "check", "s3cret"]}, "Labels": {"my.token": "s3cret", "plain": "https://me:s3cret@host/x"},
        "HostConfig": {"LogConfig": {"Type": "splunk", "Config": {"splunk-url": "s3cret", "max-size": "1m"}},
                       "Mounts": [{"VolumeOptions": {"DriverConfig": {"Options": {"password": "s3cret"}}}}]}})");
    const Json kept = redacted(Op::container_create, given);
    EXPECT_EQ(kept.dump().find("s3cret"), std::string::npos) << kept.dump();
    EXPECT_EQ(kept["Env"], Json({"PASSWORD=***", "PATH"}));
    EXPECT_EQ(kept["Cmd"], Json({"sh", "***"}));
    EXPECT_EQ(kept["HostConfig"]["LogConfig"]["Config"]["max-size"], "1m");
    EXPECT_EQ(kept["Labels"]["plain"], "https://***@host/x");
    EXPECT_EQ(kept["Image"], "busybox");

    const Json login = redacted(Op::system_auth, Json{{"username", "s3cret"}, {"password", "s3cret"}, {"identitytoken", "s3cret"}, {"serveraddress", "ghcr.io"}});
    EXPECT_EQ(login.dump().find("s3cret"), std::string::npos);
    EXPECT_EQ(login["serveraddress"], "ghcr.io");
    EXPECT_EQ(redacted(Op::container_create, "s3cret"), "***") << "what is no object";
}

TEST(Redacted, TargetsHaveNoSecretsLeft)
{
    const std::string kept = redacted_target(
        "/v1.41/build?t=app&buildargs=%7B%22TOKEN%22%3A%22s3cret%22%2C%22NONE%22%3Anull%7D&remote=https%3A%2F%2Fme%3As3cret%40host%2Fx&changes=ENV%20A%3Ds3cret");
    EXPECT_EQ(kept.find("s3cret"), std::string::npos) << kept;
    EXPECT_NE(kept.find("t=app"), std::string::npos);
    EXPECT_NE(kept.find("NONE%22%3Anull"), std::string::npos) << kept;
    EXPECT_EQ(redacted_target("/containers/json?all=1"), "/containers/json?all=1");
    EXPECT_EQ(redacted_target("/x?a=%zz&token=s3cret"), "/x?***");
    EXPECT_EQ(redacted_target("/info"), "/info");
}

TEST(Redacted, RefusedValuesHaveNoSecretsLeft)
{
    EXPECT_EQ(redacted_value("container.create", "AuthConfig", R"({"password":"s3cret"})"), "***");
    EXPECT_EQ(redacted_value("container.create", "Odd", R"({"password":"s3cret"})"), R"({"password":"***"})");
    EXPECT_EQ(redacted_value("container.create", "Odd", R"({"password":"s3cret...)"), "***") << "cut";
    EXPECT_EQ(redacted_value("container.create", "remote", "https://me:s3cret@host/x"), "https://***@host/x");
    EXPECT_EQ(redacted_value("container.create", "HostConfig.CapAdd", "NET_ADMIN"), "NET_ADMIN");
    EXPECT_EQ(redacted_value("container.create", "HostConfig.Privileged", "true"), "true");
}

// attack X-12
TEST(Redacted, AnyTextHasNoSecretsLeft)
{
    struct Case {
        const char* field;
        const char* value;
        const char* kept;
    };
    const Case cases[] = {
        {"HostConfig.Privileged", "true", "true"},
        {"HostConfig.Binds", "/etc:/x:ro", "/etc:/x:ro"},
        {"remote", "http://u:secret@x/y?z", "http://***@x/y?z"},
        {"remote", "git@x:y", "git@x:y"},
        {"remote", "http://x/@y", "http://x/@y"},
        {"remote", "https://u:a@b@x", "https://***@x"},
        {"HostConfig.LogConfig.Config.splunk-token", "abc", "***"},
        {"password", "\"x\"", "***"},
        {"DriverOpts.o", "addr=1,password=x,rw", "addr=1,password=***,rw"},
        {"Env", "DB_PASSWORD=x y", "DB_PASSWORD=*** y"},
        {"Foo", R"({"a":1,"apiKey":"x\"y","b":{"Token":"z"}})", R"({"a":1,"apiKey":"***","b":{"Token":"***"}})"},
        {"X", "token=", "token=***"},
        {"X", "a:X-Api_Key: b, MY.PassPhrase='c d', x_private-key=e f=g", "a:X-Api_Key:*** b, MY.PassPhrase=***, x_private-key=*** f=g"},
        {"X", "pass=1 tok-en=2 secre=3", "pass=1 tok-en=*** secre=3"},
        {"X", "http://u:p@x/?token=1&k=ftp://v@y", "http://***@x/?token=***&k=ftp://***@y"},
        {"X", "://", "://"},
        {"X", "secret:\"open", "secret:***"},
    };
    for (const Case& each : cases) EXPECT_EQ(redacted_value("container.create", each.field, each.value), each.kept) << each.field << " " << each.value;
    EXPECT_EQ(redacted_value("system.auth", "anything", "x"), "***");
}

}  // namespace
}  // namespace rules
