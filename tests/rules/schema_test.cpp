#include "rules/schema.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

constexpr Field inner_fields[] = {
    {"Path", Type::text, Disposition::pass},
    {"Secret", Type::boolean, Disposition::deny, nullptr, "secret", "leave it out"},
};
constexpr Schema inner{"Inner", inner_fields};

constexpr Field outer_fields[] = {
    {"Tasks", Type::object_list, Disposition::pass, &inner},
    {"Map", Type::object_map, Disposition::pass, &inner},
    {"Lists", Type::object_list_map, Disposition::pass, &inner},
    {"Skin", Type::object, Disposition::pass, &inner},
    {"Flag", Type::boolean, Disposition::pass},
    {"Count", Type::integer, Disposition::pass},
    {"Text", Type::text, Disposition::check},
    {"Words", Type::text_list, Disposition::rewrite},
    {"Cmd", Type::text_or_list, Disposition::pass},
    {.name = "Long", .type = Type::text_list, .disposition = Disposition::pass, .long_texts = true},
    {"Labels", Type::text_map, Disposition::pass},
    {"Size", Type::integer_list, Disposition::pass},
    {"Any", Type::any, Disposition::pass},
    {"Ours", Type::text, Disposition::force},
    {"Idle", Type::text, Disposition::drop},
    {"Closed", Type::text, Disposition::deny, nullptr, "closed", "open another"},
    {"Masks", Type::text_list, Disposition::forbid, nullptr, "masks", "send null"},
};
constexpr Schema outer{"Outer", outer_fields};

struct Case {
    const char* name;
    const char* body;
    int status;              // 0: admitted
    const char* field = "";  // of a refusal, or part of the message of a 400
    const char* rule = "";
};

Json keys_of(std::size_t count, const Json& value)
{
    Json map = Json::object();
    for (std::size_t at = 0; at < count; ++at) map["k" + std::to_string(at)] = value;
    return map;
}

TEST(Admit, BoundsKeysElementsAndTexts)
{
    static constexpr Field most_fields[] = {{.name = "Few", .type = Type::text_list, .disposition = Disposition::pass, .most = 2}};
    static constexpr Schema most{"Most", most_fields};
    EXPECT_TRUE(admit({{"Few", {"a", "b"}}}, most));
    EXPECT_EQ(admit({{"Few", {"a", "b", "c"}}}, most).error().message, "Few has more than 2 elements");

    EXPECT_TRUE(admit({{"Labels", keys_of(elements_max, "")}}, outer));
    struct Case {
        Json body;
        int status;
        const char* says;
    };
    const Case cases[] = {
        {{{"Labels", keys_of(elements_max + 1, "")}}, 400, "Labels has more than 4096 elements"},
        {{{"Words", std::vector<std::string>(elements_max + 1, "x")}}, 400, "Words has more than 4096 elements"},
        {{{"Tasks", std::vector<Json>(elements_max + 1, Json::object())}}, 400, "Tasks has more than 4096 elements"},
        {{{"Lists", {{"a", std::vector<Json>(elements_max + 1, Json::object())}}}}, 400, "Lists.a has more than 4096 elements"},
        {keys_of(keys_max + 1, 0), 400, "the body has more than 512 keys"},
        {{{"Skin", keys_of(keys_max + 1, 0)}}, 400, "Skin has more than 512 keys"},
        {{{"Words", {std::string(text_max + 1, 'x')}}}, 400, "Words has a text of more than 8192 bytes"},
        {{{"Text", std::string(text_max + 1, 'x')}}, 400, "Text has a text of more than 8192 bytes"},
        {{{"Skin", {{"Path", std::string(text_max + 1, 'x')}}}}, 400, "Skin.Path has a text of more than 8192 bytes"},
        {{{"Map", {{std::string(text_max + 1, 'x'), Json::object()}}}}, 400, "Map has a text of more than 8192 bytes"},
        {{{"Map", {{"a", {{"Path", std::string(text_max + 1, 'x')}}}}}}, 400, "Map.a.Path has a text of more than 8192 bytes"},
        {{{"Labels", {{"a", std::string(text_max + 1, 'x')}}}}, 400, "Labels has a text of more than 8192 bytes"},
        {{{"Long", {std::string(kept_max, 'x'), "y"}}}, 413, "the texts of the body have more than 524288 bytes together"},
        {{{"Long", {std::string(kept_max / 6, '\x01')}}}, 413, "the texts of the body have more than 524288 bytes together"},
    };
    for (const Case& each : cases) {
        const Result<Json> admitted = admit(each.body, outer);
        ASSERT_FALSE(admitted) << each.says;
        EXPECT_EQ(admitted.error().status, each.status);
        EXPECT_EQ(admitted.error().message, each.says);
    }
    EXPECT_TRUE(admit({{"Long", {std::string(kept_max - 20, 'x')}}}, outer));
    EXPECT_TRUE(admit({{"Words", {std::string(text_max, 'x')}}, {"Idle", std::string(text_max + 1, 'x')}}, outer));
}

TEST(Admit, JudgesKeysAndTypes)
{
    const Case cases[] = {
        {"empty", "{}", 0},
        {"J-20 null", "null", 400, "the body must be an object"},
        {"J-20 list", "[]", 400, "the body must be an object"},
        {"J-20 text", "\"x\"", 400, "the body must be an object"},
        {"J-01 lower case", R"({"flag":true})", 400, "\"flag\" is spelled \"Flag\""},
        {"J-01 upper case", R"({"FLAG":null})", 400, "\"FLAG\" is spelled \"Flag\""},
        {"J-01 inside", R"({"Skin":{"secret":true}})", 400, "\"Skin.secret\" is spelled \"Secret\""},
        {"J-02 long s", R"({"Ta\u017fks":[]})", 400, "not ASCII"},
        {"J-02 Kelvin sign", R"({"S\u212ain":{}})", 400, "not ASCII"},
        {"J-02 other letters", R"({"Fl\u00e4g":null})", 400, "not ASCII"},
        {"J-03 two spellings", R"({"Labels":{"a":"A"},"labels":{"a":"B"}})", 400, "twice"},
        {"J-05 reset by another spelling", R"({"Skin":{},"skin":null})", 400, "twice"},
        {"J-06 merged lists", R"({"Tasks":[{"Path":"/"}],"tasks":[{}]})", 400, "twice"},
        {"J-08 two spellings of an unknown key", R"({"foo":0,"Foo":0})", 400, "twice"},
        {"J-13 wrong type", R"({"Flag":"yes"})", 400, "Flag must be true or false"},
        {"J-13 number for a text", R"({"Text":1})", 400, "Text must be a string"},
        {"J-13 wrong type of a dropped field", R"({"Idle":1})", 400, "Idle must be a string"},
        {"J-13 wrong type of a denied field", R"({"Closed":0})", 400, "Closed must be a string"},
        {"J-14 fraction", R"({"Count":1.0})", 400, "Count must be an integer"},
        {"J-14 exponent", R"({"Count":1e3})", 400, "Count must be an integer"},
        {"J-22 beyond int64", R"({"Count":9223372036854775808})", 400, "Count must be an integer"},
        {"list of numbers", R"({"Words":[1]})", 400, "Words must be a list of strings"},
        {"null in a list", R"({"Words":[null]})", 400, "Words must be a list of strings"},
        {"text for a list", R"({"Words":"a"})", 400, "Words must be a list of strings"},
        {"object for a list", R"({"Tasks":{}})", 400, "Tasks must be a list of objects"},
        {"number in a map", R"({"Labels":{"a":1}})", 400, "Labels must be a map of strings"},
        {"list item", R"({"Tasks":[{},1]})", 400, "Tasks[1] must be an object"},
        {"list map item", R"({"Lists":{"a":{}}})", 400, "Lists.a must be a list of objects"},
        {"unknown", R"({"Foo":1})", 403, "Foo", "unknown-field"},
        {"unknown inside", R"({"Tasks":[{},{"X":{"Path":"/"}}]})", 403, "Tasks[1].X", "unknown-field"},
        {"unknown in a map", R"({"Map":{"n":{"X":true}}})", 403, "Map.n.X", "unknown-field"},
        {"J-19 embedded structs", R"({"Resources":{"Count":1}})", 403, "Resources", "unknown-field"},
        {"denied", R"({"Closed":"x"})", 403, "Closed", "closed"},
        {"denied inside", R"({"Lists":{"a":[{"Secret":true}]}})", 403, "Lists.a[0].Secret", "secret"},
        {"forbidden", R"({"Masks":["/proc"]})", 403, "Masks", "masks"},
        {"forbidden though empty", R"({"Masks":[]})", 403, "Masks", "masks"},
    };
    for (const Case& each : cases) {
        const Result<Json> admitted = admit(parse_json(each.body).value(), outer);
        ASSERT_EQ(admitted ? 0 : admitted.error().status, each.status) << each.name;
        if (each.status == 400) {
            EXPECT_NE(admitted.error().message.find(each.field), std::string::npos)
                << each.name << ": " << admitted.error().message;
        }
        if (each.status == 403) {
            EXPECT_EQ(admitted.error().field, each.field) << each.name;
            EXPECT_EQ(admitted.error().rule, each.rule) << each.name;
            EXPECT_TRUE(admitted.error().message.starts_with("berth: " + std::string(each.field))) << each.name;
        }
    }
}

TEST(Admit, GivesTheCanonicalBody)
{
    const Json body = parse_json(R"({
        "Tasks": [{"Path": "/", "Secret": false}, {}], "Map": {"a": null, "b": {"Path": null}}, "Lists": {"x": null, "y": [{}]},
        "Skin": null, "Flag": false, "Count": -1, "Text": "", "Words": [], "Cmd": "ls", "Labels": {"Broker.Job": null},
        "Size": [0, 0], "Any": [["x"]], "Ours": "theirs", "Idle": "x", "Closed": "", "Masks": null,
        "Unknown": 0, "Strange": {}, "Odd": null})")
                          .value();
    const Json expected = Json::parse(R"({
        "Tasks": [{"Path": "/"}, {}], "Map": {"a": {}, "b": {}}, "Lists": {"x": [], "y": [{}]},
        "Flag": false, "Count": -1, "Text": "", "Words": [], "Cmd": ["ls"], "Labels": {"Broker.Job": ""},
        "Size": [0, 0], "Any": [["x"]]})");
    EXPECT_EQ(admit(body, outer).value(), expected);
    EXPECT_EQ(admit(expected, outer).value(), expected) << "admitting twice changes nothing";
}

TEST(Denied, NamesTheFieldTheRuleAndTheWayOut)
{
    const Error error = denied("privileged", "HostConfig.Privileged", "true", "run without it").value();
    EXPECT_EQ(error.status, 403);
    EXPECT_EQ(error.message, "berth: HostConfig.Privileged is refused by rule \"privileged\": run without it");
    EXPECT_EQ(error.value, "true");
}

TEST(Denied, KeepsOnlyTheBeginningOfALongValue)
{
    std::string value(199, 'x');
    value += "\xc3\xa9 and more";
    EXPECT_EQ(denied("r", "f", value, "w").value().value, std::string(199, 'x') + "...");
}

}  // namespace
}  // namespace rules
