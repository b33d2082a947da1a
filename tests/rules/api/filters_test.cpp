#include "rules/api/filters.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

namespace rules {
namespace {

Result<Filters> parse(std::string_view text)
{
    return Filters::parse(text, {"label", "label!", "name", "id", "status", "dangling"});
}

using Texts = std::vector<std::string>;

TEST(Filters, BothFormsMeanTheSame)
{
    const Result<Filters> older = parse(R"({"label":["b","a=1","b"],"name":["x"]})");
    const Result<Filters> newer = parse(R"({"label":{"a=1":true,"b":true},"name":{"x":true}})");
    ASSERT_TRUE(older);
    ASSERT_TRUE(newer);
    EXPECT_EQ(older->values("label"), (Texts{"a=1", "b"}));
    EXPECT_EQ(older->encode(), newer->encode());
    EXPECT_EQ(older->encode(), R"({"label":{"a=1":true,"b":true},"name":{"x":true}})");
}

TEST(Filters, AFalseInTheNewerFormFiltersAllTheSame)
{
    const Result<Filters> filters = parse(R"({"label":{"a=b":false}})");
    ASSERT_TRUE(filters);
    EXPECT_EQ(filters->values("label"), (Texts{"a=b"}));
    EXPECT_FALSE(filters->labels_match(Json::object()));
}

TEST(Filters, NothingIsNoFilter)
{
    for (const std::string_view text : {"", "null", "{}", R"({"label":[]})", R"({"label":{}})", R"({"label":null})"}) {
        const Result<Filters> filters = parse(text);
        ASSERT_TRUE(filters) << text;
        EXPECT_TRUE(filters->empty()) << text;
        EXPECT_FALSE(filters->has("label"));
        EXPECT_TRUE(filters->any_equal("label", "x"));
        EXPECT_TRUE(filters->any_match("label", "x"));
        EXPECT_TRUE(filters->labels_match(nullptr));
        EXPECT_EQ(filters->encode(), "{}");
    }
}

struct Refused {
    std::string_view text;
    std::string_view message;
};

class FiltersAreRefused : public testing::TestWithParam<Refused> {};

TEST_P(FiltersAreRefused, With400)
{
    const Result<Filters> filters = parse(GetParam().text);
    ASSERT_FALSE(filters);
    EXPECT_EQ(filters.error().status, 400);
    EXPECT_EQ(filters.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(Texts, FiltersAreRefused,
                         testing::Values(Refused{"x", "invalid filter"}, Refused{"[]", "invalid filter"},
                                         Refused{"\"label\"", "invalid filter"}, Refused{"{", "invalid filter"},
                                         Refused{"{}{}", "invalid filter"}, Refused{"1", "invalid filter"},
                                         Refused{R"({"label":"a"})", "invalid filter"},
                                         Refused{R"({"label":[1]})", "invalid filter"},
                                         Refused{R"({"label":[["a"]]})", "invalid filter"},
                                         Refused{R"({"label":{"a":1}})", "invalid filter"},
                                         Refused{R"({"label":{"a":"true"}})", "invalid filter"},
                                         Refused{R"({"label":true})", "invalid filter"},
                                         // Both forms at once.
                                         Refused{R"({"label":["a"],"status":{"x":true}})", "invalid filter"},
                                         // The last of two equal keys would win in the engine.
                                         Refused{R"({"label":["a"],"label":["b"]})", "invalid filter"},
                                         Refused{R"({"label":{"a":true,"a":false}})", "invalid filter"},
                                         Refused{R"({"LABEL":["a"]})", "invalid filter 'LABEL'"},
                                         Refused{R"({"ancestor":["a"]})", "invalid filter 'ancestor'"},
                                         Refused{R"({"nosuch":[]})", "invalid filter 'nosuch'"}));

TEST(Filters, AnyValueMayMatch)
{
    const Filters filters = *parse(R"({"name":["^/?web$","db["],"id":["abc"]})");
    EXPECT_TRUE(filters.any_match("name", "/web"));
    EXPECT_TRUE(filters.any_match("name", "web"));
    EXPECT_FALSE(filters.any_match("name", "web2"));
    // A malformed pattern matches itself only.
    EXPECT_TRUE(filters.any_match("name", "db["));
    EXPECT_FALSE(filters.any_match("name", "db"));
    EXPECT_TRUE(filters.any_match("id", "xabcx"));
    EXPECT_FALSE(filters.any_equal("id", "xabcx"));
    EXPECT_TRUE(filters.any_equal("id", "abc"));
}

TEST(Filters, EveryLabelMustHoldAndNoneOfTheExcluded)
{
    const Json labels = {{"a", "1"}, {"b", ""}, {"c", "x=y"}};
    const auto match = [&](std::string_view text) { return parse(text)->labels_match(labels); };
    EXPECT_TRUE(match(R"({"label":["a"]})"));
    EXPECT_TRUE(match(R"({"label":["a=1","b","c=x=y"]})"));
    EXPECT_TRUE(match(R"({"label":["b="]})"));
    EXPECT_FALSE(match(R"({"label":["a=2"]})"));
    EXPECT_FALSE(match(R"({"label":["a=1","d"]})"));
    EXPECT_FALSE(match(R"({"label":["A"]})"));
    EXPECT_FALSE(match(R"({"label":["a="]})"));
    EXPECT_TRUE(match(R"({"label!":["d"]})"));
    EXPECT_FALSE(match(R"({"label!":["a"]})"));
    EXPECT_TRUE(match(R"({"label":["a"],"label!":["a=2"]})"));
    EXPECT_FALSE(parse(R"({"label":["a"]})")->labels_match(nullptr));
    EXPECT_TRUE(parse(R"({"label!":["a"]})")->labels_match(nullptr));
}

TEST(Filters, AFlagIsTrueOrFalseAndNothingElse)
{
    EXPECT_EQ(parse("{}")->flag("dangling", true), true);
    EXPECT_EQ(parse("{}")->flag("dangling", false), false);
    EXPECT_EQ(parse(R"({"dangling":["1"]})")->flag("dangling", false), true);
    EXPECT_EQ(parse(R"({"dangling":["true","1"]})")->flag("dangling", false), true);
    EXPECT_EQ(parse(R"({"dangling":{"false":true}})")->flag("dangling", true), false);
    for (const std::string_view text : {R"({"dangling":["maybe"]})", R"({"dangling":["TRUE"]})"})
        EXPECT_FALSE(parse(text)->flag("dangling", true)) << text;
    const Result<bool> both = parse(R"({"dangling":["true","false"]})")->flag("dangling", true);
    ASSERT_FALSE(both);
    EXPECT_EQ(both.error().message, "invalid filter 'dangling=[false true]'");
}

TEST(Filters, AreBoundedInNumberAndPatterns)
{
    const auto parsed = [](std::string_view key, std::size_t count, const std::string& each) {
        Json values = Json::array();
        for (std::size_t at = 0; at < count; ++at) values.push_back(each + std::to_string(at));
        return Filters::parse(Json{{std::string(key), values}}.dump(), {"label", "name"});
    };
    EXPECT_TRUE(parsed("label", 256, "com.docker.compose.project=x"));
    EXPECT_EQ(parsed("label", 257, "a").error().message, "invalid filter: more than 256 values");
    EXPECT_TRUE(parsed("name", 200, "plain-name"));
    EXPECT_TRUE(parsed("name", 10, "^/" + std::string(90, 'a') + "$"));
    EXPECT_EQ(parsed("name", 11, "^/" + std::string(90, 'a') + "$").error().message, "invalid filter: patterns of more than 1024 bytes together");
}

TEST(Filters, CanBeChanged)
{
    Filters filters = *parse(R"({"name":["x"]})");
    filters.add("label", "berth.job=1");
    filters.add("label", "berth.job=1");
    filters.add("label", "a\"b");
    filters.erase("name");
    filters.erase("nosuch");
    EXPECT_EQ(filters.encode(), R"({"label":{"a\"b":true,"berth.job=1":true}})");
    const Result<Filters> again = parse(filters.encode());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->encode(), filters.encode());
}

/// Whether a filter by `pattern` lets `text` through.
bool is_found(const std::string& pattern, std::string_view text)
{
    Filters filters;
    filters.add("name", pattern);
    return filters.any_match("name", text);
}

struct Pattern {
    std::string pattern;
    std::string text;
    bool found;
};

class Regex : public testing::TestWithParam<Pattern> {};

TEST_P(Regex, IsFoundAsGoFindsIt)
{
    EXPECT_EQ(is_found(GetParam().pattern, GetParam().text), GetParam().found) << GetParam().pattern << " in " << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Patterns, Regex,
    testing::Values(Pattern{"", "", true}, Pattern{"", "x", true}, Pattern{"b", "abc", true}, Pattern{"d", "abc", false}, Pattern{"^b", "abc", false},
                    Pattern{"^a", "abc", true}, Pattern{"c$", "abc", true}, Pattern{"b$", "abc", false}, Pattern{"^abc$", "abc", true},
                    Pattern{"^$", "", true}, Pattern{"^$", "a", false}, Pattern{"a.c", "xabcx", true}, Pattern{"a.c", "a\nc", false},
                    Pattern{"a\\.c", "abc", false}, Pattern{"a\\.c", "a.c", true}, Pattern{"ab*c", "ac", true}, Pattern{"ab+c", "ac", false},
                    Pattern{"ab+c", "abbbc", true}, Pattern{"ab?c", "abbc", false}, Pattern{"a(b|cd)e", "acde", true},
                    Pattern{"a(b|cd)e", "acd", false}, Pattern{"(|a)b", "b", true}, Pattern{"^(a|b)*$", "abba", true},
                    Pattern{"^(a|b)*$", "abca", false}, Pattern{"^(a*)*$", "aaa", true}, Pattern{"^(a*)+$", "", true},
                    Pattern{"^(?:ab)+$", "abab", true}, Pattern{"a|b|", "zzz", true}, Pattern{"[a-c]+$", "xyzabc", true},
                    Pattern{"^[^a-c]$", "b", false}, Pattern{"^[^a-c]$", "d", true}, Pattern{"[]]", "]", true}, Pattern{"[a-]", "-", true},
                    Pattern{"^[\\d]+$", "123", true}, Pattern{"^\\w+$", "a_1", true}, Pattern{"^\\w+$", "a-1", false}, Pattern{"\\s", "a b", true},
                    Pattern{"^\\D$", "1", false}, Pattern{"^a*?b$", "aab", true}, Pattern{"x{a", "x{a", true}, Pattern{"x{}", "x{}", true},
                    Pattern{"^/?web-[0-9]+$", "/web-12", true}, Pattern{"a\\/b", "a/b", true}, Pattern{"(a|b)(c|d)$", "zbd", true},
                    // Of Go's syntax, whatever people write in filters.
                    Pattern{"^a{2}$", "aa", true}, Pattern{"^(?i)a$", "A", true}, Pattern{"\\bb", "a b", true}, Pattern{"(?P<n>a)", "a", true},
                    Pattern{"[[:alpha:]]", "1", false}, Pattern{"^\\p{Greek}$", "\u03b1", true},
                    // Malformed: it matches itself, which is no match of a pattern.
                    Pattern{"(", "x(", false}, Pattern{"(", "(", true}, Pattern{")", "x)", false}, Pattern{"a)", "a", false},
                    Pattern{"[", "x[", false}, Pattern{"[a", "a", false}, Pattern{"[b-a]", "a", false}, Pattern{"*", "x*", false},
                    Pattern{"a**", "a", false}, Pattern{"\\", "x\\", false}, Pattern{"(a", "a", false}, Pattern{"+a", "a", false},
                    Pattern{"[]", "]", false}, Pattern{"a{1001}", "a", false}));

TEST(Regex, TakesPatternsUpTo256Bytes)
{
    EXPECT_TRUE(is_found(std::string(255, 'a') + '.', std::string(256, 'a')));
    EXPECT_FALSE(is_found(std::string(256, 'a') + '.', std::string(257, 'a')));
    EXPECT_TRUE(is_found(std::string(128, '(') + std::string(128, ')'), "x"));
    EXPECT_FALSE(is_found(std::string(256, '('), "x"));
}

TEST(Regex, NeverBacksUp)
{
    const auto begin = std::chrono::steady_clock::now();
    std::string pattern;
    for (int each = 0; each < 60; ++each) pattern += "a?";
    pattern += std::string(60, 'a');
    EXPECT_EQ(is_found(pattern, std::string(60, 'a')), true);
    EXPECT_EQ(is_found(pattern, std::string(59, 'a')), false);
    EXPECT_EQ(is_found("^(((a*)*)*)*$", std::string(5000, 'a') + "b"), false);
    EXPECT_EQ(is_found("(x+x+)+y", std::string(5000, 'x')), false);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

}  // namespace
}  // namespace rules
