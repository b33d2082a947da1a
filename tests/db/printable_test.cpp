#include "db/printable.h"

#include <gtest/gtest.h>

namespace db {
namespace {

TEST(Printable, EscapesWhatATerminalOrALogCouldObey)
{
    const struct {
        std::string text, shown;
    } cases[] = {
        {"", ""},
        {"plain \\ \"text\"", "plain \\ \"text\""},
        {"tab\tbell\adel\x7f", "tab\\x09bell\\x07del\\x7f"},
        {std::string("nul\0!", 5), "nul\\x00!"},
        {"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x9A\xA2", "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x9A\xA2"},
        {"c1 \xC2\x9B\x33m", "c1 \\xc2\\x9b3m"},
        {"alone \x80\xFF", "alone \\x80\\xff"},
        {"overlong \xC0\xAF \xE0\x80\xAF \xF0\x80\x80\xAF", "overlong \\xc0\\xaf \\xe0\\x80\\xaf \\xf0\\x80\\x80\\xaf"},
        {"surrogate \xED\xA0\x80", "surrogate \\xed\\xa0\\x80"},
        {"beyond \xF4\x90\x80\x80", "beyond \\xf4\\x90\\x80\\x80"},
        {"cut off \xE2\x82", "cut off \\xe2\\x82"},
        {std::string(300, 'x'), std::string(256, 'x')},
        {std::string(255, 'x') + "\xC3\xBC", std::string(255, 'x')},
        {std::string(253, 'x') + "\n", std::string(253, 'x')},
        {std::string(252, 'x') + "\n!", std::string(252, 'x') + "\\x0a"},
    };
    for (const auto& each : cases) EXPECT_EQ(printable(each.text), each.shown);
}

}  // namespace
}  // namespace db
