#include "broker/http/base64.h"

#include <gtest/gtest.h>

namespace broker {
namespace {

TEST(Base64, IsThatOfTheRfc)
{
    EXPECT_EQ(to_base64(""), "");
    EXPECT_EQ(to_base64("f"), "Zg==");
    EXPECT_EQ(to_base64("fo"), "Zm8=");
    EXPECT_EQ(to_base64("foo"), "Zm9v");
    EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(to_base64("\xfb\xff\xfe"), "+//+");
    EXPECT_EQ(to_base64url("\xfb\xff\xfe"), "-__-");
    EXPECT_EQ(to_base64url("f"), "Zg==");
}

TEST(Base64, IsReadBack)
{
    std::string bytes;
    for (int size = 0; size < 600; ++size) {
        const std::string text = to_base64(bytes), url = to_base64url(bytes);
        EXPECT_EQ(from_base64(text), bytes);
        EXPECT_EQ(from_base64(url), bytes);
        EXPECT_EQ(from_base64(text.substr(0, text.find('='))), bytes) << "without padding";
        bytes += static_cast<char>(size * 7);
    }
}

TEST(Base64, WhatIsNoneIsRefused)
{
    for (const std::string& text : {std::string("Zg==Zg=="), std::string("Z g"), std::string("Zg\n"), std::string("Zm9v!"), std::string("=Zg"),
                                    std::string("Zm\0v", 4), std::string("Zm9\xff"), std::string("\xc3\xbc")})
        EXPECT_EQ(from_base64(text), std::nullopt) << text;
    EXPECT_EQ(from_base64("===="), "");
}

}  // namespace
}  // namespace broker
