#include "broker/http/elements.h"

#include <gtest/gtest.h>

#include <vector>

#include "broker/http/lines.h"

namespace broker {
namespace {

/// `list:text` of each element, of a text that comes in pieces of `size`.
std::vector<std::string> cut(std::string_view text, std::size_t size, std::size_t most, bool& whole)
{
    ElementCutter cutter(most);
    std::vector<std::string> elements;
    for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
        cutter.feed(text.substr(0, size));
        while (const auto element = cutter.next())
            elements.push_back(std::string(element->list) + ":" + (element->whole ? std::string(element->text) : "-"));
        EXPECT_LE(cutter.pending(), most + size);
    }
    whole = cutter.ended() && !cutter.broken();
    return elements;
}

TEST(ElementCutter, GivesTheElementsOfListsHoweverTheyCome)
{
    struct Case {
        std::string_view text;
        std::vector<std::string> elements;
        bool whole = true;
    };
    const Case cases[] = {
        {"[]\n", {}},
        {" [ ] ", {}},
        {R"([{"a":[1,{"b":"]},{"}]},{"c":"\"]"}, 12 ,null,"x,y"])", {R"(:{"a":[1,{"b":"]},{"}]})", R"(:{"c":"\"]"})", ":12", ":null", R"(:"x,y")"}},
        {R"({"Volumes":[{"Name":"v"},{}],"Warnings":null,"Size":-1.5})",
         {"Volumes:null", R"(Volumes:{"Name":"v"})", "Volumes:{}", "Warnings:null", "Size:-1.5"}},
        {R"({ "A" : [ ] , "B" : {"x":[1]} })", {"A:null", R"(B:{"x":[1]})"}},
        {"{}", {}},
        {R"([{"names":["are kept, but there are more than","can be kept of one"]},{"a":1}])", {":-", R"(:{"a":1})"}},
        {R"([{"Id":"1","Labels":{"a":"},\"b","c":[{}]},"Names":["all of these"]}])", {R"(:{"Id":"1","Labels":{},"Names":["all of these"]})"}},
        {R"([{"a":{"b":1},"text":"too long \\\"for it","n":12345678},{"a":"short"}])",
         {R"(:{"a":{"b":1},"text":"","n":12345678})", R"(:{"a":"short"})"}},
        {"null", {}, false},
        {R"([{"a":1})", {R"(:{"a":1})"}, false},
        {"[1}", {":1"}, false},
        {R"({"a" 1})", {}, false},
    };
    for (const Case& each : cases)
        for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{7}, each.text.size()}) {
            bool whole = false;
            EXPECT_EQ(cut(each.text, size, 56, whole), each.elements) << each.text << " in pieces of " << size;
            EXPECT_EQ(whole, each.whole) << each.text;
        }
}

TEST(Lines, LeavesOutWhatIsTooLong)
{
    const std::string text = "one\n" + std::string(200'000, 'x') + "\ntwo\n" + std::string(70'000, 'y') + "\nrest";
    for (const std::size_t size : {std::size_t{1000}, text.size()}) {
        Lines lines;
        std::vector<std::string> found;
        for (std::string_view left = text; !left.empty(); left.remove_prefix(std::min(size, left.size()))) {
            lines.feed(left.substr(0, size));
            while (const auto line = lines.next()) found.emplace_back(*line);
        }
        EXPECT_EQ(found, (std::vector<std::string>{"one\n", "two\n"}));
        EXPECT_EQ(lines.rest(), "rest");
    }
}

}  // namespace
}  // namespace broker
