#include "rules/api/filters.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <random>
#include <regex>

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

struct Found {
    std::string_view pattern;
    std::string_view text;
    std::optional<bool> found;
};

class Regex : public testing::TestWithParam<Found> {};

TEST_P(Regex, IsFoundAsGoFindsIt)
{
    EXPECT_EQ(regex_found(GetParam().pattern, GetParam().text), GetParam().found)
        << GetParam().pattern << " in " << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Patterns, Regex,
    testing::Values(Found{"", "", true}, Found{"", "x", true}, Found{"b", "abc", true}, Found{"d", "abc", false},
                    Found{"^b", "abc", false}, Found{"^a", "abc", true}, Found{"c$", "abc", true},
                    Found{"b$", "abc", false}, Found{"^abc$", "abc", true}, Found{"^$", "", true},
                    Found{"^$", "a", false}, Found{"a.c", "xabcx", true}, Found{"a.c", "a\nc", false},
                    Found{"a\\.c", "abc", false}, Found{"a\\.c", "a.c", true}, Found{"ab*c", "ac", true},
                    Found{"ab+c", "ac", false}, Found{"ab+c", "abbbc", true}, Found{"ab?c", "abbc", false},
                    Found{"a(b|cd)e", "acde", true}, Found{"a(b|cd)e", "acd", false}, Found{"(|a)b", "b", true},
                    Found{"^(a|b)*$", "abba", true}, Found{"^(a|b)*$", "abca", false}, Found{"^(a*)*$", "aaa", true},
                    Found{"^(a*)+$", "", true}, Found{"^(?:ab)+$", "abab", true}, Found{"a|b|", "zzz", true},
                    Found{"[a-c]+$", "xyzabc", true}, Found{"^[^a-c]$", "b", false}, Found{"^[^a-c]$", "d", true},
                    Found{"[]]", "]", true}, Found{"[a-]", "-", true}, Found{"^[\\d]+$", "123", true},
                    Found{"^\\w+$", "a_1", true}, Found{"^\\w+$", "a-1", false}, Found{"\\s", "a b", true},
                    Found{"^\\D$", "1", false}, Found{"^a*?b$", "aab", true}, Found{"x{a", "x{a", true},
                    Found{"x{}", "x{}", true}, Found{"^/?web-[0-9]+$", "/web-12", true}, Found{"a\\/b", "a/b", true},
                    Found{"(a|b)(c|d)$", "zbd", true},
                    // Malformed, or beyond what is offered.
                    Found{"(", "(", std::nullopt}, Found{")", ")", std::nullopt}, Found{"a)", "a", std::nullopt},
                    Found{"[", "[", std::nullopt}, Found{"[a", "a", std::nullopt}, Found{"[b-a]", "a", std::nullopt},
                    Found{"*", "*", std::nullopt}, Found{"a**", "a", std::nullopt}, Found{"a{2}", "aa", std::nullopt},
                    Found{"(?i)a", "A", std::nullopt}, Found{"\\", "\\", std::nullopt}, Found{"\\b", "b", std::nullopt},
                    Found{"(?P<n>a)", "a", std::nullopt}, Found{"[[:alpha:]]", "a", std::nullopt},
                    Found{"(a", "a", std::nullopt}, Found{"+a", "a", std::nullopt}, Found{"[]", "]", std::nullopt},
                    Found{"[\\d-z]", "x", false}, Found{"[\\d-z]", "-", true}));

TEST(Regex, TakesPatternsUpTo256Bytes)
{
    EXPECT_EQ(regex_found(std::string(256, 'a'), std::string(256, 'a')), true);
    EXPECT_EQ(regex_found(std::string(257, 'a'), std::string(257, 'a')), std::nullopt);
    EXPECT_EQ(regex_found(std::string(128, '(') + std::string(128, ')'), "x"), true);
    EXPECT_EQ(regex_found(std::string(256, '('), "x"), std::nullopt);
}

TEST(Regex, NeverBacksUp)
{
    const auto begin = std::chrono::steady_clock::now();
    std::string pattern;
    for (int each = 0; each < 60; ++each) pattern += "a?";
    pattern += std::string(60, 'a');
    EXPECT_EQ(regex_found(pattern, std::string(60, 'a')), true);
    EXPECT_EQ(regex_found(pattern, std::string(59, 'a')), false);
    EXPECT_EQ(regex_found("^(((a*)*)*)*$", std::string(5000, 'a') + "b"), false);
    EXPECT_EQ(regex_found("(x+x+)+y", std::string(5000, 'x')), false);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

/// Small random patterns over a small alphabet, whose meaning is the same in Go and in ECMAScript.
class Generator {
public:
    std::string pattern(int depth)
    {
        std::string text;
        const int count = pick(3) + 1;
        for (int each = 0; each < count; ++each) text += piece(depth);
        return text;
    }
    std::string text()
    {
        std::string made;
        for (int left = pick(7); left > 0; --left) made += static_cast<char>('a' + pick(3));
        return made;
    }
    int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

private:
    std::string piece(int depth)
    {
        static constexpr std::array<std::string_view, 7> atoms = {"a", "b", "c", ".", "[ab]", "[^b]", "\\w"};
        std::string atom = depth > 0 && pick(3) == 0
                               ? "(" + pattern(depth - 1) + (pick(2) ? "|" + pattern(depth - 1) : std::string()) + ")"
                               : std::string(atoms[static_cast<std::size_t>(pick(7))]);
        static constexpr std::array<std::string_view, 6> signs = {"", "", "", "*", "+", "?"};
        return atom.append(signs[static_cast<std::size_t>(pick(6))]);
    }

    std::mt19937 random_{20261123};
};

TEST(Regex, AgreesWithTheStandardLibraryOnRandomPatterns)
{
    Generator generator;
    for (int round = 0; round < 300; ++round) {
        std::string pattern = generator.pattern(2);
        if (generator.pick(3) == 0) pattern.insert(0, "^");
        if (generator.pick(3) == 0) pattern += "$";
        const std::regex expected(pattern);
        for (int each = 0; each < 5; ++each) {
            const std::string text = generator.text();
            ASSERT_EQ(regex_found(pattern, text), std::regex_search(text, expected)) << pattern << " in " << text;
        }
    }
}

}  // namespace
}  // namespace rules
