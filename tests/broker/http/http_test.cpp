#include "broker/http/http.h"

#include <gtest/gtest.h>

#include "tests/broker/http/heads.h"

// Where a head ends, and the heads that we write.
namespace broker {
namespace {

TEST(HeadLength, IsKnownWithTheLastByteOfTheHeadAndNotBefore)
{
    const std::string text = post({"Content-Length: 5", "A: b"});
    for (std::size_t size = 0; size < text.size(); ++size) EXPECT_EQ(head_length(text.substr(0, size)), 0U) << size;
    EXPECT_EQ(head_length(text), text.size());
    EXPECT_EQ(head_length(text + "hello\r\n\r\n"), text.size());
}

TEST(HeadLength, HandsABareLineEndToTheParser)
{
    const std::string text = "GET / HTTP/1.1\nHost: x\n\nrest";
    EXPECT_EQ(head_length(text), text.size() - 4);
    EXPECT_FALSE(parse_request(text.substr(0, head_length(text))));
}

TEST(HeadLength, FindsTheSameRefusalWhereverTheBytesAreSplit)
{
    const std::string text = "GET / HTTP/1.1\r\nHost: x\n\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        const std::size_t length = head_length(text.substr(0, size));
        if (length == 0) continue;
        EXPECT_FALSE(parse_request(text.substr(0, length))) << size;
    }
}

TEST(HeadWriter, WritesWhatTheParserReads)
{
    HeadWriter sent = HeadWriter::request("POST", "/v1.41/x?a=b");
    sent.add("Content-Type", "application/json").add("Content-Length", std::uint64_t{7});
    const std::string text = std::move(sent).finish();
    EXPECT_EQ(
        text,
        "POST /v1.41/x?a=b HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n");
    const auto request = parse_request(text);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->length, 7U);

    HeadWriter answer = HeadWriter::response(404);
    answer.add("Content-Length", std::uint64_t{0});
    const auto response = parse_response(std::move(answer).finish(), false);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 404);
}

}  // namespace
}  // namespace broker
