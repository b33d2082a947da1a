#include "rules/query.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

struct Parsed {
    std::string_view text;
    Items items;
};

class QueryIsParsed : public testing::TestWithParam<Parsed> {};

TEST_P(QueryIsParsed, IntoDecodedPairsInTheirOrder)
{
    const Result<Query> query = Query::parse(GetParam().text);
    ASSERT_TRUE(query) << query.error().message;
    EXPECT_EQ(query->items(), GetParam().items);
}

INSTANTIATE_TEST_SUITE_P(Texts, QueryIsParsed,
                         testing::Values(Parsed{"", {}}, Parsed{"a=1", {{"a", "1"}}},
                                         Parsed{"a=1&b=2&a=3", {{"a", "1"}, {"b", "2"}, {"a", "3"}}},
                                         Parsed{"&&a=1&", {{"a", "1"}}}, Parsed{"a", {{"a", ""}}},
                                         Parsed{"a=", {{"a", ""}}}, Parsed{"=x", {{"", "x"}}},
                                         Parsed{"a=b=c", {{"a", "b=c"}}}, Parsed{"a=x+y%20z", {{"a", "x y z"}}},
                                         Parsed{"n%61me=z", {{"name", "z"}}}, Parsed{"a+b=1", {{"a b", "1"}}},
                                         Parsed{"f=%7B%22label%22%3A%5B%22a%22%5D%7D", {{"f", "{\"label\":[\"a\"]}"}}},
                                         Parsed{"a=%C3%A9", {{"a", "\xC3\xA9"}}}, Parsed{"a=%0a", {{"a", "\n"}}},
                                         Parsed{"a=%253B", {{"a", "%3B"}}}, Parsed{"a=%3B", {{"a", ";"}}}));

class QueryIsRefused : public testing::TestWithParam<std::string_view> {};

TEST_P(QueryIsRefused, With400)
{
    const Result<Query> query = Query::parse(GetParam());
    ASSERT_FALSE(query);
    EXPECT_EQ(query.error().status, 400);
}

INSTANTIATE_TEST_SUITE_P(Texts, QueryIsRefused,
                         testing::Values("a=1;b=2", "a;b", ";", "a=%zz", "a=%", "a=%4", "%=1", "a=%4g", "a%00=1",
                                         "a=%00", "a%0a=1", "a%7f=1", "a=%ff", "a=%C3", "a=%C3%28", "a=%ED%A0%80",
                                         "a=%C0%80", "a=%F4%90%80%80", "a=%E0%80%80", "%ff=1"));

TEST(Query, EncodesWhatItParsed)
{
    Query query;
    query.add("filters", R"({"label":["a=b c"]})");
    query.add("t", "reg:5000/x/y:1.0~rc-1_2");
    query.add("t", "");
    query.add("k&=", "\xC3\xA9+;#%\n");
    EXPECT_EQ(query.encode(),
              "filters=%7B%22label%22%3A%5B%22a%3Db%20c%22%5D%7D&t=reg%3A5000%2Fx%2Fy%3A1.0~rc-1_2&t=&"
              "k%26%3D=%C3%A9%2B%3B%23%25%0A");
    const Result<Query> again = Query::parse(query.encode());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->items(), query.items());
}

TEST(Query, FindsCountsSetsAndErases)
{
    Query query = *Query::parse("t=a&x=1&t=b");
    EXPECT_EQ(query.get("t"), "a");
    EXPECT_EQ(query.get("T"), "");
    EXPECT_EQ(query.find("y"), std::nullopt);
    EXPECT_EQ(query.count("t"), 2u);
    EXPECT_EQ(query.all("t"), (std::vector<std::string>{"a", "b"}));
    query.set("t", "c");
    EXPECT_EQ(query.items(), (Items{{"t", "c"}, {"x", "1"}}));
    query.set("new", "1");
    query.erase("t");
    query.erase("x");
    EXPECT_EQ(query.encode(), "new=1");
    query.erase("new");
    EXPECT_TRUE(query.empty());
}

TEST(Query, HasDockersTruth)
{
    for (const std::string_view no : {"", "0", "no", "false", "none", "FALSE", "None", " no ", "\tfalse\n", "\u00a00\u3000", "\u2003no\u0085"})
        EXPECT_FALSE(is_true(no)) << no;
    for (const std::string_view yes : {"1", "true", "off", "nope", "yes", "2", "nil", "00"})
        EXPECT_TRUE(is_true(yes)) << yes;
    const Query query = *Query::parse("a=off&b=&c");
    EXPECT_TRUE(query.flag("a"));
    EXPECT_FALSE(query.flag("b", true));
    EXPECT_FALSE(query.flag("c", true));
    EXPECT_TRUE(query.flag("d", true));
    EXPECT_FALSE(query.flag("d"));
}

TEST(Query, PercentCodingIsItsOwnInverseOnEveryByte)
{
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
    EXPECT_EQ(percent_decode(percent_encode(bytes), true), bytes);
    EXPECT_EQ(percent_decode("a+b", false), "a+b");
    EXPECT_EQ(percent_decode("%2F%2f", false), "//");
    EXPECT_EQ(percent_decode("%2", false), std::nullopt);
}

}  // namespace
}  // namespace rules
