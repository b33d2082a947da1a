#include "rules/policy/endpoint_policy.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

std::string refused_by(std::string_view method, std::string_view target, const Profile& profile)
{
    const Result<Route> route = find_endpoint(method, target).and_then([](const MatchedEndpoint& row) { return route_to(row, {{1, 24}, {1, 47}}); });
    EXPECT_TRUE(route) << target;
    const Result<void> checked = check_endpoint(*route, profile);
    return checked ? "" : checked.error().rule;
}

TEST(Endpoints, AreOpenByDefault)
{
    for (const Endpoint& row : endpoints()) {
        Route route;
        route.endpoint = &row;
        EXPECT_TRUE(check_endpoint(route, Profile{})) << row.name;
    }
}

TEST(Endpoints, AreClosedByNameOrPattern)
{
    Profile profile;
    profile.endpoints_closed = {"container.archive_*", "exec.create"};
    EXPECT_EQ(refused_by("GET", "/containers/x/archive?path=/", profile), "endpoints.closed");
    EXPECT_EQ(refused_by("PUT", "/containers/x/archive?path=/", profile), "endpoints.closed");
    EXPECT_EQ(refused_by("POST", "/containers/x/exec", profile), "endpoints.closed");
    EXPECT_EQ(refused_by("POST", "/containers/x/start", profile), "");
}

TEST(Endpoints, HaveSwitches)
{
    Profile profile;
    profile.image_push = profile.image_commit = profile.image_import = profile.image_export = profile.build_allowed =
        profile.exec_allowed = false;
    EXPECT_EQ(refused_by("POST", "/images/app/push", profile), "images.push");
    EXPECT_EQ(refused_by("POST", "/commit?container=x", profile), "images.commit");
    EXPECT_EQ(refused_by("POST", "/images/create?fromSrc=-", profile), "images.import");
    EXPECT_EQ(refused_by("POST", "/images/create?fromImage=busybox", profile), "");
    EXPECT_EQ(refused_by("GET", "/containers/x/export", profile), "images.export");
    EXPECT_EQ(refused_by("POST", "/build", profile), "build.allowed");
    EXPECT_EQ(refused_by("POST", "/containers/x/exec", profile), "exec.allowed");
    EXPECT_EQ(refused_by("POST", "/exec/x/start", profile), "exec.allowed");
}

TEST(Versions, ArePartOfWhatTheEngineSpeaks)
{
    Profile profile;
    const Versions engine{{1, 24}, {1, 47}};
    EXPECT_EQ(versions_under(engine, profile).newest, (Version{1, 47}));
    profile.api_version_min = "1.40";
    profile.api_version_max = "1.43";
    EXPECT_EQ(versions_under(engine, profile).oldest, (Version{1, 40}));
    EXPECT_EQ(versions_under(engine, profile).newest, (Version{1, 43}));
    profile.api_version_max = "1.51";
    EXPECT_EQ(versions_under(engine, profile).newest, (Version{1, 47}));
}

TEST(Counts, AreAsManyAsTheProfileSays)
{
    Profile profile;
    EXPECT_TRUE(check_count(Kind::container, 1000, profile));
    EXPECT_TRUE(check_streams(249, profile));
    EXPECT_EQ(check_streams(250, profile).error().status, 429);
    EXPECT_EQ(check_streams(250, profile).error().rule, "limits.job.streams");
    profile.job_containers = 2;
    EXPECT_TRUE(check_count(Kind::container, 1, profile));
    EXPECT_TRUE(check_count(Kind::network, 100, profile));
    const Result<void> third = check_count(Kind::container, 2, profile);
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().message,
              "berth: container is refused by rule \"limits.job.containers\": remove containers that are not needed "
              "any more; a job has at most 2");
}

}  // namespace
}  // namespace rules
