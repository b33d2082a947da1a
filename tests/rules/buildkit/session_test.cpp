#include "rules/buildkit/session.h"

#include <vector>

#include "tests/rules/buildkit/building.h"

namespace rules {
namespace {

using Head = std::vector<std::pair<std::string_view, std::string_view>>;

TEST(Session, IsAnnouncedInAHead)
{
    const auto session = announced_session(Head{{"Host", "x"},
                                                {"X-Docker-Expose-Session-Uuid", "abc123"},
                                                {"x-docker-expose-session-name", "my build"},
                                                {"X-DOCKER-EXPOSE-SESSION-SHAREDKEY", "0a1b"},
                                                {"X-Docker-Expose-Session-Grpc-Method", "/moby.filesync.v1.FileSync/DiffCopy"},
                                                {"X-Docker-Expose-Session-Grpc-Method", "/moby.filesync.v1.Auth/Credentials"},
                                                {"X-Docker-Expose-Session-Grpc-Method", "/moby.buildkit.v1.Control/Solve"},
                                                {"X-Docker-Expose-Session-Unknown", "y"},
                                                {"X-Docker-Expose-Session", "z"}});
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_EQ(*session,
              (AnnouncedSession{"abc123",
                                "my build",
                                "0a1b",
                                {"/grpc.health.v1.Health/Check", "/moby.filesync.v1.Auth/Credentials", "/moby.filesync.v1.FileSync/DiffCopy"}}))
        << "of the methods those that a session may have, and always the check";
}

TEST(Session, NeedsOneIdThatIsAPlainWord)
{
    const auto with = [](std::string_view id) { return refusal(announced_session(Head{{"x-docker-expose-session-uuid", id}})); };
    EXPECT_EQ(with("A-b_c.9"), "");
    EXPECT_EQ(with(std::string(128, 'a')), "");
    for (const std::string& odd : {std::string(), std::string("a:b"), std::string("a b"), std::string("a/b"), std::string("a\0", 2),
                                   std::string("\xe9"), std::string(129, 'a')})
        EXPECT_EQ(with(odd), "400") << odd;
    EXPECT_EQ(refusal(announced_session(Head{})), "400");
    EXPECT_EQ(refusal(announced_session(Head{{"x-docker-expose-session-uuid", "a"}, {"X-Docker-Expose-Session-UUID", "a"}})), "400");
}

}  // namespace
}  // namespace rules
