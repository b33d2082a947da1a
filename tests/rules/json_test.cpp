#include "rules/json.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

TEST(ParseJson, TakesWhatGoTakesTheSameWay)
{
    EXPECT_EQ(parse_json(R"( {"a":[1,-2,1.5,true,null,"\u00e9\ud83d\ude00"],"b":{}} )").value().dump(),
              "{\"a\":[1,-2,1.5,true,null,\"\xc3\xa9\xf0\x9f\x98\x80\"],\"b\":{}}");
    EXPECT_EQ(parse_json(R"({"\u0048ostConfig":1})").value(), (Json{{"HostConfig", 1}}));  // J-21
    EXPECT_EQ(parse_json(R"([{"a":1},{"a":2}])").value().size(), 2u);
    EXPECT_EQ(parse_json("18446744073709551615").value().get<std::uint64_t>(), 18446744073709551615u);
    EXPECT_EQ(parse_json("-9223372036854775808").value().get<std::int64_t>(), INT64_MIN);
    EXPECT_EQ(parse_json("null").value(), nullptr);
}

struct BadCase {
    const char* name;
    std::string text;
    const char* says;
};

TEST(ParseJson, SpendsABudgetOfValuesAndKeys)
{
    const auto many = [](std::size_t count, const std::string& each) {
        std::string text = "[" + each;
        for (std::size_t at = 1; at < count; ++at) text += "," + each;
        return text + "]";
    };
    EXPECT_TRUE(parse_json(many(client_json.nodes - 1, "{}")));
    for (const std::string& each : {std::string("{}"), std::string("1"), std::string("[[]]"), std::string(R"({"":0})")}) {
        const auto refused = parse_json(many(client_json.nodes, each));
        ASSERT_FALSE(refused) << each;
        EXPECT_EQ(refused.error().status, 413);
        EXPECT_EQ(refused.error().message, "the JSON has more than 65536 values and keys");
    }
    EXPECT_FALSE(parse_json(R"({"a":1})", {2, 64}));
    EXPECT_TRUE(parse_json(R"({"a":1})", {3, 64}));
}

TEST(ReadJson, IsBoundedWhereTheTextIsLong)
{
    EXPECT_EQ(read_json(R"({"a":[1,"x"]})").value(), (Json{{"a", {1, "x"}}}));
    EXPECT_FALSE(read_json("{"));
    EXPECT_FALSE(read_json(""));
    std::string text = "[0";
    while (text.size() < 2 * engine_json.nodes + 2) text += ",0";
    EXPECT_FALSE(read_json(text + "]"));
    EXPECT_TRUE(read_json("[\"" + std::string(engine_json.nodes, ',') + "\"]"));
    EXPECT_FALSE(read_json(std::string(engine_json.nodes, '[') + std::string(engine_json.nodes, ']')));
}

TEST(ParseJson, RefusesWhatTwoReadersCouldReadDifferently)
{
    using namespace std::string_literals;
    const BadCase cases[] = {
        {"J-04 duplicate objects", R"({"HostConfig":{"NetworkMode":"none"},"HostConfig":{"Privileged":true}})",
         "twice"},
        {"J-09 duplicate with null", R"({"a":{"Privileged":true,"Privileged":null}})", "twice"},
        {"J-10 duplicate map key", R"({"label":{"a":true},"label":{}})", "twice"},
        {"J-21 duplicate by escape", R"({"a":1,"\u0061":2})", "twice"},
        {"J-11 second value", R"({} {})", "syntax error"},
        {"J-11 garbage behind", R"({} garbage)", "syntax error"},
        {"J-12 brace behind", R"({}})", "syntax error"},
        {"J-12 bracket behind", R"({}]{"HostConfig":{}})", "syntax error"},
        {"J-15 invalid UTF-8 in a value", "{\"a\":\"\xff\"}", "syntax error"},
        {"J-15 overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", "syntax error"},
        {"J-15 lone high surrogate", R"({"a":"\ud800"})", "syntax error"},
        {"J-15 lone low surrogate", R"({"a":"\udc00x"})", "syntax error"},
        {"J-15 raw surrogate", "{\"a\":\"\xed\xa0\x80\"}", "syntax error"},
        {"J-16 invalid UTF-8 in a key", "{\"a\xff\":1}", "syntax error"},
        {"J-16 NUL in a key", R"({"Image\u0000":1})", "NUL"},
        {"NUL in a value", R"({"a":"x\u0000y"})", "NUL"},
        {"raw NUL behind", "{}\0{\"a\":1}"s, "NUL"},
        {"J-17 byte-order mark", "\xef\xbb\xbf{}", "byte-order mark"},
        {"J-17 comment", "{/* x */}", "syntax error"},
        {"J-17 trailing comma", R"({"a":1,})", "syntax error"},
        {"J-18 too deep", std::string(65, '['), "nested deeper"},
        {"J-18 too deep in objects",
         [] {
             std::string text;
             for (int depth = 0; depth < 65; ++depth) text += R"({"a":)";
             return text;
         }(),
         "nested deeper"},
        {"J-22 beyond 64 bits", R"({"a":18446744073709551616})", "out of range"},
        {"J-22 below 64 bits", R"({"a":-9223372036854775809})", "out of range"},
        {"J-22 huge exponent", R"({"a":1e999})", "out of range"},
        {"leading zero", R"({"a":01})", "syntax error"},
        {"control character", "{\"a\":\"\n\"}", "syntax error"},
        {"empty", "", "syntax error"},
        {"unfinished", "{", "syntax error"},
    };
    for (const BadCase& each : cases) {
        const Result<Json> parsed = parse_json(each.text);
        ASSERT_FALSE(parsed) << each.name;
        EXPECT_EQ(parsed.error().status, 400) << each.name;
        EXPECT_TRUE(parsed.error().rule.empty()) << each.name;
        EXPECT_NE(parsed.error().message.find(each.says), std::string::npos)
            << each.name << ": " << parsed.error().message;
    }
}

TEST(ParseJson, TakesNestingUpToSixtyFour)
{
    EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
    EXPECT_FALSE(parse_json(std::string(65, '[') + std::string(65, ']')));
}

TEST(IsZero, IsWhatGoLeavesAtItsDefault)
{
    for (const char* text : {"null", "false", "0", "-0", "0.0", "\"\"", "[]", "{}"})
        EXPECT_TRUE(is_zero(Json::parse(text))) << text;
    for (const char* text : {"true", "1", "-1", "0.1", "\"0\"", "[0]", "{\"a\":null}"})
        EXPECT_FALSE(is_zero(Json::parse(text))) << text;
}

TEST(FoldKey, FoldsAsGoFoldsFieldNames)
{
    EXPECT_EQ(fold_key("HostConfig"), "hostconfig");
    EXPECT_EQ(fold_key("Ho\u017ftConfig"), "hostconfig");
    EXPECT_EQ(fold_key("Networ\u212aMode"), "networkmode");
    EXPECT_EQ(fold_key("PR\u0130V"), "pr\u0130v");
    EXPECT_EQ(fold_key("a\xc5"), "a\xc5");
}

}  // namespace
}  // namespace rules
