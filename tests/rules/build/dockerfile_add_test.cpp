#include <gtest/gtest.h>

#include "tests/rules/build/sealed.h"

// What ADD has the engine fetch.
namespace rules {
namespace {

// attack B-05
TEST(Dockerfile, AddTakesFilesOfTheContextAlone)
{
    const Profile profile;
    for (const char* text : {"FROM a\nADD http://169.254.169.254/ /x\n", "FROM a\nadd a https://x/y /x\n",
                             "FROM a\nADD --chown=1 HTTP://x /x\n", "FROM a\nADD [\"http://x\", \"/x\"]\n",
                             "FROM a\nADD [\"\\u0068ttp://x\", \"/x\"]\n", "FROM a\nONBUILD ADD http://x /x\n",
                             "FROM a\nADD \\\n  http\\\n://x /x\n"}) {
        const auto local = with_local_sources(text, profile);
        ASSERT_FALSE(local) << text;
        EXPECT_EQ(local.error().rule, "build.remote_files") << text;
    }
    EXPECT_EQ(with_local_sources("FROM a\nADD [\"a\", 1]\n", profile).error().rule, "dockerfile");
    EXPECT_EQ(with_local_sources("FROM a\nADD [\"http://x\", \"/x\"] more\n", profile).error().rule, "dockerfile");

    struct Case {
        const char* text;
        const char* expected;
    };
    const Case cases[] = {
        {"FROM a\nADD  b   /x\nRUN ADD http://x /x\nCOPY http://x /x\n", "FROM a\nADD  b   /x\nRUN ADD http://x /x\nCOPY http://x /x\n"},
        {"ADD b http://x\n", "ADD b http://x\n"},  // the target
        {"ADD [ \"b\",\"/x\" ]\n", "ADD [ \"b\",\"/x\" ]\n"},
        {"ADD $A /x\r\nRUN y\r\n", "ADD ./$A /x\r\nRUN y\r\n"},
        {"ADD --chown=$U ${A} h${B} 'http'://x \"$C\"/d h\\ttp://x /x", "ADD --chown=$U ./${A} ./h${B} ./'http'://x ./\"$C\"/d ./h\\ttp://x /x"},
        {"ADD [\"$A\", \"b\", \"/x\"]\n", "ADD [\"./$A\",\"b\",\"/x\"]\n"},
        {"ADD ./$A /$B/c src$D htt /x\n", "ADD ./$A /$B/c src$D htt /x\n"},
        {"ONBUILD ADD $A /x\n", "ONBUILD ADD ./$A /x\n"},
    };
    for (const Case& each : cases) {
        const auto local = with_local_sources(each.text, profile);
        ASSERT_TRUE(local) << each.text << local.error().message;
        EXPECT_EQ(*local, each.expected);
        EXPECT_EQ(*with_local_sources(*local, profile), *local) << "again";
    }

    Profile open;
    open.build_remote_files = true;
    EXPECT_EQ(*with_local_sources("FROM a\nADD http://x.example/$V $A /x\n", open), "FROM a\nADD http://x.example/$V ./$A /x\n");

    Profile observing;
    observing.mode = "observe";
    EXPECT_EQ(*with_local_sources("FROM a\nADD $A /x\n", observing), "FROM a\nADD ./$A /x\n") << "a way to the host stays shut";
    EXPECT_EQ(with_local_sources("FROM a\nADD http://x /x\n", observing).error().rule, "build.remote_files");

    EXPECT_TRUE(check_trigger_sources("ADD  a   /x", profile));
    EXPECT_TRUE(check_trigger_sources("ADD ./$A /x", profile));
    EXPECT_TRUE(check_trigger_sources("RUN wget http://x", profile));
    EXPECT_EQ(check_trigger_sources("ADD http://x /x", profile).error().rule, "build.remote_files");
    EXPECT_EQ(check_trigger_sources("ADD $A /x", profile).error().rule, "build.remote_files");
}

// attack V-09
TEST(Dockerfile, TheHostsThatAddHasTheEngineConnectTo)
{
    Profile open;
    open.build_remote_files = true;
    for (const char* url : {"http://u@127.0.0.1/", "http://x.example@127.0.0.1/", "http://127.0.0.1\\@x.example/", "http://$HOST/x", "http://x$PORT/",
                            "http://x.example:$PORT/", "http://%31%32%37.0.0.1/", "http:///x", "http://[::1"}) {
        EXPECT_FALSE(with_local_sources("FROM a\nADD " + std::string(url) + " /x\n", open)) << url;
        EXPECT_FALSE(with_local_sources("FROM a\nONBUILD ADD " + std::string(url) + " /x\n", open)) << url;
        EXPECT_FALSE(check_trigger_sources("ADD b " + std::string(url) + " /x", open)) << url;
    }
    const std::string text =
        "FROM a\nADD http://x.example/$V/y?z=$W HTTPS://8.8.8.8:80/x /x\nONBUILD ADD [\"http://[::1]:80/\", \"/x\"]\nADD http://x.example/z b /x\n";
    EXPECT_EQ(*with_local_sources(text, open), text);
    const BaseImages images = {{"a", {"sha256:1", {"ADD http://2130706433/ /x", "RUN wget http://y"}, 0}}};
    std::vector<std::string> hosts;
    for (const DialTarget& each : *fetched_targets(text, images)) hosts.push_back(each.text);
    EXPECT_EQ(hosts, (std::vector<std::string>{"x.example", "8.8.8.8:80", "[::1]:80", "127.0.0.1"}));
    EXPECT_TRUE(check_trigger_sources("ADD http://x.example/y /x", open));
    EXPECT_FALSE(check_trigger_sources("ADD $A /x", open)) << "it may become any";
}

}  // namespace
}  // namespace rules
