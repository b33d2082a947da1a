#include "rules/names/names.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "rules/model.h"

namespace rules {
namespace {

constexpr std::string_view a_key = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view other_key = "zyxwvutsrqponmlkjihgfedcba";

TEST(Names, NoObjectIsCalledLikeARealOne)
{
    const std::string real = real_name(a_key, "x");
    for (const std::string& name : {real, "a" + real, real_name(other_key, "x")})
        for (const Kind kind : {Kind::container, Kind::network, Kind::volume}) {
            const auto checked = checked_name(kind, name);
            ASSERT_FALSE(checked) << name;
            EXPECT_EQ(checked.error().status, 400);
            EXPECT_NE(checked.error().message.find("reserved"), std::string::npos);
        }
    for (const char* name : {"berth.x", "berth.key.x", "berth", "berth.abcdefghijklmnopqrstuvwxyz"}) {
        EXPECT_FALSE(holds_real_name(name)) << name;
        EXPECT_TRUE(checked_name(Kind::volume, name)) << name;
    }
    EXPECT_TRUE(holds_real_name("berth." + std::string(a_key) + "/docker.io/x"));
}

TEST(Names, ARealNameIsReadable)
{
    EXPECT_EQ(real_name(a_key, "db"), "berth.abcdefghijklmnopqrstuvwxyz.db");
    EXPECT_EQ(real_name(a_key, "my net/1~"), "berth.abcdefghijklmnopqrstuvwxyz.my~20net~2F1~7E");
    EXPECT_EQ(real_name(a_key, "\xc3\xa9"), "berth.abcdefghijklmnopqrstuvwxyz.~C3~A9");
}

TEST(Names, EveryNameComesBackAndNoTwoShareARealName)
{
    std::mt19937 random(7);
    std::set<std::string> names = {
        "", "~", "~41", "A", "a.b", "a~2Eb", "berth.", real_name(a_key, "x"), std::string(1, '\0')};
    for (int round = 0; round < 5000; ++round) {
        std::string name;
        for (std::size_t length = random() % 8; length > 0; --length) name.push_back(static_cast<char>(random()));
        names.insert(name);
    }
    std::set<std::string> reals;
    for (const std::string& name : names) {
        const std::string real = real_name(a_key, name);
        EXPECT_EQ(virtual_name(a_key, real), name);
        EXPECT_EQ(virtual_name(a_key, "/" + real), name);
        EXPECT_EQ(virtual_name(other_key, real), std::nullopt);
        EXPECT_TRUE(reals.insert(real).second);
    }
}

TEST(Names, WhatIsNotARealNameOfTheJobHasNoVirtualName)
{
    const std::string prefix = "berth." + std::string(a_key) + ".";
    for (const std::string& real :
         {std::string("db"), std::string("berth.db"), "berth." + std::string(a_key), prefix + "~41", prefix + "~2f",
          prefix + "~2", prefix + "a/b", "xberth." + std::string(a_key) + ".db", "//" + prefix + "db"})
        EXPECT_EQ(virtual_name(a_key, real), std::nullopt) << real;
}

TEST(Names, AnIdIsTwelveToSixtyFourHexDigits)
{
    EXPECT_TRUE(looks_like_id("0123456789ab"));
    EXPECT_TRUE(looks_like_id(std::string(64, 'f')));
    EXPECT_FALSE(looks_like_id("0123456789a"));
    EXPECT_FALSE(looks_like_id(std::string(65, 'f')));
    EXPECT_FALSE(looks_like_id("0123456789aB"));
    EXPECT_FALSE(looks_like_id("0123456789ag"));
}

struct NameCase {
    Kind kind;
    std::string name;
    int status;  // 0: taken
    const char* says = "";
};

TEST(Names, AreCheckedAsDockerdChecksThem)
{
    const NameCase cases[] = {
        {Kind::container, "db", 0},
        {Kind::container, "/db", 0},
        {Kind::container, "d", 400, "Invalid container name (d), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"},
        {Kind::container, "", 400, "Invalid container name"},
        {Kind::container, "x/db", 400, "Invalid container name"},
        {Kind::container, "-db", 400, "Invalid container name"},
        {Kind::container, "d\nb", 400, "Invalid container name"},
        {Kind::container, std::string(64, '0'), 400, "could be taken for an id"},
        {Kind::network, "0123456789ab", 0, ""},
        {Kind::container, std::string(223, 'x'), 400, "too long"},
        {Kind::container, std::string(222, 'x'), 0},
        {Kind::volume, "data", 0},
        {Kind::volume, "d", 400, "volume name is too short"},
        {Kind::volume, "./data", 400, "If you intended to pass a host directory, use absolute path"},
        {Kind::volume, std::string(64, 'a'), 400, "could be taken for an id"},
        {Kind::network, "my net", 0},
        {Kind::network, "a/b", 0},
        {Kind::network, "d", 0},
        {Kind::network, " \t", 400, "name is empty"},
        {Kind::network, "a\x1b[2J", 400, "control characters"},
        {Kind::network, "bridge", 403, "operation is not permitted on predefined bridge network"},
        {Kind::network, "host", 403, "predefined host network"},
        {Kind::network, std::string(100, '/'), 400, "too long"},
    };
    for (const NameCase& each : cases) {
        const Result<std::string> checked = checked_name(each.kind, each.name);
        EXPECT_EQ(checked ? 0 : checked.error().status, each.status) << each.name;
        if (!checked) EXPECT_NE(checked.error().message.find(each.says), std::string::npos) << checked.error().message;
    }
    EXPECT_EQ(checked_name(Kind::container, "/db").value(), "db");
}

TEST(Names, ATextShowsNoRealName)
{
    const std::string own = real_name(a_key, "db");
    const std::string foreign = real_name(other_key, "secret");
    EXPECT_EQ(scrub(a_key, "Conflict. The name \"/" + own + "\" is used"), "Conflict. The name \"/db\" is used");
    EXPECT_EQ(scrub(a_key, "network " + foreign + " and " + real_name(a_key, "a b") + ": no"),
              "network (another job's object) and a b: no");
    EXPECT_EQ(scrub(a_key, "berth.berth." + std::string(a_key) + ".db"), "berth.db");
    EXPECT_EQ(scrub(a_key, "berth. is quiet"), "berth. is quiet");
    EXPECT_EQ(scrub(a_key, ""), "");
    EXPECT_EQ(scrub(a_key, "berth." + std::string(a_key) + ".~41"), "(another job's object)");
}

TEST(Names, OnlyOurLabelsAreOurs)
{
    for (const char* label : {"berth.job", "BERTH.Job", " berth.a_key", "\tberth.", "berth.profile "})
        EXPECT_TRUE(is_own_label(label)) << label;
    for (const char* label : {"berth", "berths.job", "com.berth.job", "", " ", "org.testcontainers"})
        EXPECT_FALSE(is_own_label(label)) << label;
}

TEST(Model, KindsAndVersionsHaveWords)
{
    for (const Kind kind : {Kind::container, Kind::exec, Kind::network, Kind::volume, Kind::image})
        EXPECT_EQ(kind_of(kind_name(kind)), kind);
    EXPECT_EQ(kind_of("plugin"), Kind::none);
    EXPECT_EQ(to_string(Version{1, 47}), "1.47");
    EXPECT_LT((Version{1, 9}), (Version{1, 24}));
}

}  // namespace
}  // namespace rules
