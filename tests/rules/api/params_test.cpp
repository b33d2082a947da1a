#include "rules/api/params.h"

#include <gtest/gtest.h>

#include "tests/rules/api/routed.h"

namespace rules {
namespace {

struct Disposed {
    std::string_view method;
    std::string_view target;
    std::string_view query;  ///< what goes on
};

class Parameters : public testing::TestWithParam<Disposed> {};

TEST_P(Parameters, GoOnCanonically)
{
    const Result<Route> route = find_endpoint(GetParam().method, GetParam().target).and_then([](const MatchedEndpoint& row) {
        return route_to(row, {oldest_version, newest_version});
    });
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_EQ(route->query.encode(), GetParam().query);
}

INSTANTIATE_TEST_SUITE_P(
    Queries, Parameters,
    testing::Values(
        Disposed{"GET", "/containers/json?", ""}, Disposed{"GET", "/containers/json?all=true&size=no", "all=1&size=0"},
        Disposed{"DELETE", "/containers/x?force=off&v=nope", "force=1&v=1"},
        Disposed{"DELETE", "/containers/x?force=&v=none", "force=0&v=0"},
        Disposed{"GET", "/containers/x/stats?stream=", "stream=0"},
        Disposed{"GET", "/containers/json?limit=-1", "limit=-1"},
        Disposed{"GET", "/containers/json?limit=%2B005", "limit=5"}, Disposed{"GET", "/containers/json?limit=", ""},
        Disposed{"POST", "/containers/create?n%61me=z", "name=z"}, Disposed{"POST", "/containers/create?name=", ""},
        Disposed{"GET", "/containers/json?filters=%7B%22label%22%3A%5B%22a%22%5D%7D",
                 "filters=%7B%22label%22%3A%5B%22a%22%5D%7D"},
        // Unknown, and without a value.
        Disposed{"GET", "/info?x=&y=0&z=false&w=null&v=%5B%5D&u=%7B%7D", ""}, Disposed{"GET", "/info?x&x", ""},
        // What clients send of their own.
        Disposed{"GET", "/containers/json?all=1&trunc_cmd=1&limit=-1", "all=1&limit=-1"},
        Disposed{"POST", "/containers/x/attach?stream=true&hijack=true&stdin=1", "stream=1&stdin=1"},
        Disposed{"POST", "/images/x/tag?repo=a&tag=b&force=1", "repo=a&tag=b"},
        Disposed{"POST", "/containers/create?name=a&Image=busybox&HostConfig=%7B%22Privileged%22%3Atrue%7D", "name=a"},
        // Lists.
        Disposed{"POST", "/build?t=a&t=b&t=&extrahosts=h:1&extrahosts=i:2",
                 "t=a&t=b&extrahosts=h%3A1&extrahosts=i%3A2"},
        Disposed{"GET", "/system/df?type=image&type=volume&verbose=1", "type=image&type=volume"},
        // Left out or ours.
        Disposed{"POST", "/build?rm=0&forcerm=0&cgroupparent=/x&session=s&buildid=b&version=1&q=yes", "version=1&q=1"},
        Disposed{"POST", "/build?remote=&outputs=%5B%5D&networkmode=default&securityopt=", "networkmode=default"},
        Disposed{"POST", "/build/prune?all=1&filters=%7B%7D&keep-storage=5", ""},
        Disposed{"POST", "/images/create?fromImage=busybox&tag=latest&platform=linux/amd64&fromSrc=",
                 "fromImage=busybox&tag=latest&platform=linux%2Famd64"},
        Disposed{"GET", "/images/x/json?manifests=1", ""},
        Disposed{"GET", "/images/x/json?platform=%7B%22os%22:%22linux%22%7D", "platform=%7B%22os%22%3A%22linux%22%7D"},
        Disposed{"POST", "/containers/x/start?checkpoint=&detachKeys=ctrl-x", "detachKeys=ctrl-x"},
        Disposed{"DELETE", "/containers/x?link=0", ""},
        Disposed{"GET", "/containers/x/top?ps_args=-o+pid,comm", "ps_args=-o%20pid%2Ccomm"},
        Disposed{"GET", "/containers/x/logs?tail=all&since=17.5&stdout=1", "tail=all&since=17.5&stdout=1"}));

struct Bad {
    std::string_view method;
    std::string_view target;
    int status;
    std::string_view rule = {};
    std::string_view field = {};
};

class BadParameters : public testing::TestWithParam<Bad> {};

TEST_P(BadParameters, AreRefused)
{
    const Result<Route> route = find(GetParam().method, GetParam().target);
    ASSERT_FALSE(route) << route->query.encode();
    EXPECT_EQ(route.error().status, GetParam().status) << route.error().message;
    EXPECT_EQ(route.error().rule, GetParam().rule);
    EXPECT_EQ(route.error().field, GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    Queries, BadParameters,
    testing::Values(
        Bad{"POST", "/containers/create?name=a&name=b", 400}, Bad{"POST", "/containers/create?name=a&n%61me=b", 400},
        Bad{"POST", "/containers/create?name=a&name=a", 400}, Bad{"DELETE", "/containers/x?force=1&force=0", 400},
        Bad{"POST", "/build?rm=1&rm=0", 400}, Bad{"GET", "/containers/json?filters=%7B%7D&filters=%7B%7D", 400},
        Bad{"GET", "/containers/json?all=1;size=1", 400}, Bad{"POST", "/build?t=a;remote=http://x", 400},
        Bad{"GET", "/containers/json?all=%zz", 400}, Bad{"POST", "/build?t=%zz", 400},
        Bad{"GET", "/containers/json?limit=ten", 400}, Bad{"GET", "/containers/json?limit=1.5", 400},
        Bad{"GET", "/containers/json?limit=9223372036854775808", 400}, Bad{"GET", "/containers/json?limit=%2B-1", 400},
        Bad{"POST", "/containers/x/stop?t=1s", 400},
        Bad{"POST", "/containers/create?Name=z", 403, "unknown-parameter", "Name"},
        Bad{"GET", "/info?x=1", 403, "unknown-parameter", "x"},
        Bad{"GET", "/containers/json?image=busybox", 403, "unknown-parameter", "image"},
        Bad{"POST", "/containers/create?hostconfig=1", 403, "unknown-parameter", "hostconfig"},
        Bad{"POST", "/build?remote=http://x", 403, "closed-parameter", "remote"},
        Bad{"POST", "/build?remote=none", 403, "closed-parameter", "remote"},
        Bad{"POST", "/build?remote=client-session", 403, "closed-parameter", "remote"},
        Bad{"POST", "/build?version=2", 403, "closed-parameter", "version"}, Bad{"POST", "/build?version=3", 400},
        Bad{"POST", "/build?securityopt=seccomp=unconfined", 403, "closed-parameter", "securityopt"},
        Bad{"POST", "/build?outputs=%5B%7B%22Type%22:%22local%22%7D%5D", 403, "closed-parameter", "outputs"},
        Bad{"DELETE", "/images/x?platforms=%7B%7D", 403, "closed-parameter", "platforms"},
        Bad{"POST", "/containers/x/start?checkpoint=0", 403, "closed-parameter", "checkpoint"},
        Bad{"POST", "/containers/x/start?checkpoint-dir=/etc", 403, "closed-parameter", "checkpoint-dir"},
        Bad{"DELETE", "/containers/x?link=1", 403, "closed-parameter", "link"},
        Bad{"GET", "/containers/x/top?ps_args=-eorss=PID%20-oargs", 403, "ps-args", "ps_args"},
        Bad{"GET", "/images/x/json?platform=%7B%22os%22:1,%22os%22:2%7D", 400},
        Bad{"GET", "/images/x/json?platform=linux", 400}));

TEST(Route, ARefusalNamesTheWayOut)
{
    EXPECT_EQ(find("POST", "/build?version=2").error().message,
              "berth: version is refused by rule \"closed-parameter\": POST /build with BuildKit is not open yet; "
              "docker buildx build works, and so does DOCKER_BUILDKIT=0 docker build");
    EXPECT_EQ(find("POST", "/build?remote=http://x").error().value, "http://x");
}

}  // namespace
}  // namespace rules
