#include "rules/redact.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

// attack X-12
TEST(Redact, KeepsNoSecret)
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
        {"Foo", R"({"a":1,"apiKey":"x\"y","b":{"Token":"z"}})", R"({"a":1,"apiKey":***,"b":{"Token":***}})"},
        {"X", "token=", "token=***"},
        {"X", "://", "://"},
        {"X", "secret:\"open", "secret:***"},
    };
    for (const Case& each : cases) EXPECT_EQ(redacted("container.create", each.field, each.value), each.kept) << each.field << " " << each.value;
    EXPECT_EQ(redacted("system.auth", "anything", "x"), "***");
}

}  // namespace
}  // namespace rules
