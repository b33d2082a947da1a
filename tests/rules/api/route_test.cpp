#include "rules/api/route.h"

#include <gtest/gtest.h>

#include "rules/bodies/bodies.h"
#include "tests/rules/api/routed.h"

namespace rules {
namespace {

std::string replaced(std::string_view path, std::string_view what, std::string_view by)
{
    std::string text(path);
    if (const std::size_t at = text.find(what); at != std::string::npos) text.replace(at, what.size(), by);
    return text;
}

/// A path that the row serves.
std::string sample_of(const Endpoint& row)
{
    return replaced(replaced(row.path, "{id}", "x1"), "{checkpoint}", "cp");
}

/// The name of the row that answers, closed or open; of what no row answers, its message.
std::string answered_by(const Result<Route>& route)
{
    if (route) return std::string(route->endpoint->name);
    return route.error().field.empty() ? route.error().message : route.error().field;
}

class EveryRow : public testing::TestWithParam<Endpoint> {};

TEST_P(EveryRow, IsReachedByItsPathAndAloneAnswersIt)
{
    const Endpoint& row = GetParam();
    for (const std::string prefix : {"", "/v1.41", "/v1.24", "/v1.99"}) {
        const Result<Route> route = find(method_name(row.method), prefix + sample_of(row));
        if (row.closed.status != 0) {
            ASSERT_FALSE(route);
            EXPECT_EQ(route.error().status, row.closed.status);
            const std::string way_out(row.closed.message);
            EXPECT_EQ(route.error().message,
                      row.closed.status != 403
                          ? way_out
                          : "berth: " + std::string(row.name) + " is refused by rule \"closed\": " + way_out);
            EXPECT_EQ(route.error().rule, row.closed.rule);
            EXPECT_EQ(route.error().field, row.name);
        } else {
            ASSERT_TRUE(route) << route.error().message;
            EXPECT_EQ(route->endpoint->op, row.op);
            EXPECT_EQ(route->id, row.kind == Kind::none ? "" : "x1");
        }
    }
}

TEST_P(EveryRow, IsServedInNoOtherMethodSpellingAndWithNoMoreBehindIt)
{
    const Endpoint& row = GetParam();
    if (row.op == Op::system_options) return;
    const std::string sample = sample_of(row);
    std::string lower(method_name(row.method));
    for (char& c : lower) c = static_cast<char>(c - 'A' + 'a');
    for (const std::string& method :
         {lower, std::string("PATCH"), std::string("TRACE"), std::string("CONNECT"), std::string()})
        EXPECT_EQ(answered_by(find(method, sample)), "page not found") << method;
    EXPECT_NE(answered_by(find(method_name(row.method), sample + "//")), row.name);
    if (!sample.ends_with('/') && row.op != Op::network_list)
        EXPECT_EQ(find(method_name(row.method), sample + "/").error().status, 404) << sample;
}

TEST_P(EveryRow, OfAnObjectIsWrittenAsItIsMatched)
{
    const Endpoint& row = GetParam();
    if (row.closed.status != 0 || row.op == Op::system_options) return;
    const std::string target = target_of(row, {1, 44}, "x1", {});
    EXPECT_EQ(target, "/v1.44" + sample_of(row));
    EXPECT_EQ(answered_by(find(method_name(row.method), target)), row.name);
}

INSTANTIATE_TEST_SUITE_P(Table, EveryRow, testing::ValuesIn(endpoints().begin(), endpoints().end()),
                         [](const auto& each) {
                             std::string name(each.param.name);
                             for (char& c : name)
                                 if (c == '.') c = '_';
                             return name;
                         });

struct Case {
    std::string_view method;
    std::string_view target;
    std::string_view answer;  ///< the row's name, or a status
    std::string_view id = {};
};

class Target : public testing::TestWithParam<Case> {};

TEST_P(Target, IsServedByOneRowOrRefused)
{
    const Case& each = GetParam();
    const Result<Route> route = find(each.method, each.target);
    const std::string answer =
        route || (!route.error().field.empty() && route.error().rule != "target")
            ? answered_by(route)
            : std::to_string(route.error().status);
    EXPECT_EQ(answer, each.answer) << each.target << (route ? "" : " " + route.error().message);
    if (route) EXPECT_EQ(route->id, each.id);
}

INSTANTIATE_TEST_SUITE_P(
    Greedy, Target,
    testing::Values(
        Case{"GET", "/images/reg:5000/x/y:1.0/json", "image.inspect", "reg:5000/x/y:1.0"},
        Case{"GET", "/v1.41/images/a/json/json", "image.inspect", "a/json"},
        Case{"GET", "/images/json/json", "image.inspect", "json"}, Case{"GET", "/images/json", "image.list"},
        Case{"GET", "/images/app@sha256:0123/json", "image.inspect", "app@sha256:0123"},
        Case{"GET", "/images/a/get/history", "image.history", "a/get"},
        Case{"DELETE", "/images/a/b/c", "image.remove", "a/b/c"},
        Case{"DELETE", "/images/json", "image.remove", "json"}, Case{"POST", "/images/a/tag/tag", "image.tag", "a/tag"},
        Case{"GET", "/images/a", "404"}, Case{"GET", "/images", "404"}, Case{"GET", "/images/viz", "404"},
        Case{"POST", "/images/a/insert", "404"},
        // The name is `x/start`, which no container has.
        Case{"POST", "/containers/x/start/kill", "404"}, Case{"POST", "/containers/a/b/start", "404"},
        Case{"GET", "/containers/json/json", "container.inspect", "json"}, Case{"GET", "/containers/x", "404"},
        Case{"GET", "/containers", "404"}, Case{"GET", "/containers/", "404"}, Case{"DELETE", "/containers/", "404"},
        Case{"DELETE", "/containers/prune", "container.remove", "prune"},
        Case{"DELETE", "/containers/x/anything", "404"}, Case{"DELETE", "/containers/x/checkpoints", "404"},
        Case{"DELETE", "/containers/a/b/checkpoints/c", "404"},
        Case{"GET", "/containers/x/attach/ws", "container.attach_ws"}, Case{"GET", "/containers/x/attach", "404"},
        Case{"POST", "/containers/x/attach/ws", "404"}, Case{"POST", "/exec/a/b/start", "404"},
        Case{"GET", "/volumes/a/b", "404"}, Case{"GET", "/networks/a/b", "network.inspect", "a/b"},
        Case{"POST", "/networks/a/b/connect", "network.connect", "a/b"},
        Case{"GET", "/networks/a/connect", "network.inspect", "a/connect"},
        Case{"GET", "/networks/", "network.list_slash"}, Case{"GET", "/v1.41/networks/", "network.list_slash"},
        Case{"GET", "/networks/create", "network.inspect", "create"},
        Case{"GET", "/volumes/create", "volume.inspect", "create"}, Case{"HEAD", "/containers/json", "404"},
        Case{"HEAD", "/images/a/json", "404"}, Case{"OPTIONS", "/any/thing?x=1", "system.options"},
        Case{"OPTIONS", "*", "400"}, Case{"GET", "/", "404"}, Case{"GET", "/nosuch", "404"}));

INSTANTIATE_TEST_SUITE_P(
    PathGames, Target,
    testing::Values(
        // A percent-encoded ordinary character is decoded, once.
        Case{"POST", "/v1.41/containers/creat%65", "container.create"},
        Case{"GET", "/%63ontainers/json", "container.list"},
        Case{"POST", "/v%31.41/containers/create", "container.create"}, Case{"POST", "/containers/creat%2565", "404"},
        Case{"GET", "/containers/my%20box/json", "container.inspect", "my box"},
        Case{"GET", "/containers/a%3fb/json", "container.inspect", "a?b"},
        Case{"GET", "/containers/a%25/json", "container.inspect", "a%"},
        Case{"POST", "/v1.41%2Fcontainers%2Fcreate", "400"}, Case{"GET", "/containers%2fjson", "400"},
        Case{"POST", "/containers/x%2fexec", "400"}, Case{"POST", "/containers/x%2Fexec/start", "400"},
        Case{"GET", "/containers/x%5cy/json", "400"}, Case{"GET", "/containers/x\\y/json", "400"},
        Case{"GET", "/containers/x%00/json", "400"}, Case{"GET", "/containers/x%0a/json", "400"},
        Case{"GET", "/containers/x%7f/json", "400"}, Case{"GET", "/containers/x%/json", "400"},
        Case{"GET", "/containers/x%4/json", "400"}, Case{"GET", "/containers/x%zz/json", "400"},
        Case{"GET", "/containers/x%c3%a9/json", "400"}, Case{"GET", "/containers/x\xC3\xA9/json", "400"},
        Case{"GET", "/containers/json;x", "400"}, Case{"GET", "/containers/json%3bx", "400"},
        Case{"GET", "/containers/json#x", "400"}, Case{"GET", "/containers/json%23", "400"},
        Case{"GET", "/containers/json?all=1#x", "400"}, Case{"GET", "/containers/js on", "400"},
        Case{"GET", "/containers/json\t", "400"}, Case{"GET", "//containers/json", "400"},
        Case{"GET", "/./containers/json", "400"}, Case{"GET", "/v1.41/../containers/json", "400"},
        Case{"POST", "/v1.41/./containers/create", "400"}, Case{"POST", "/x/../containers/create", "400"},
        Case{"POST", "/%2e%2e/containers/create", "400"}, Case{"POST", "/%2e/containers/create", "400"},
        Case{"GET", "/containers//json", "400"}, Case{"GET", "/containers/json//", "400"},
        Case{"GET", "/containers/..", "400"}, Case{"GET", "/containers/.%2e/json", "400"},
        Case{"GET", "/images/a/../b/json", "400"}, Case{"GET", "/containers/...", "404"},
        Case{"GET", "/containers/.../json", "container.inspect", "..."},
        Case{"POST", "/v1.41/containers/create/", "404"}, Case{"GET", "/containers/json/", "404"},
        Case{"GET", "/_ping/", "404"}, Case{"GET", "/CONTAINERS/JSON", "404"}, Case{"GET", "/containers/JSON", "404"},
        Case{"GET", "/V1.41/containers/json", "404"}, Case{"POST", "http://evil/v1.41/containers/create", "400"},
        Case{"GET", "HTTP://x/containers/json", "400"}, Case{"GET", "unix:///v1.41/containers/json", "400"},
        Case{"GET", "containers/json", "400"}, Case{"GET", "", "400"}, Case{"GET", "*", "400"},
        Case{"CONNECT", "host:80", "400"}, Case{"PRI", "*", "400"}, Case{"get", "/_ping", "404"},
        Case{"GET", "?all=1", "400"}, Case{"GET", "/debug/vars", "debug.vars"},
        Case{"GET", "/v1.41/debug/pprof/", "debug.pprof"}, Case{"GET", "/x/build", "404"},
        Case{"POST", "/containers/buildbox/exec", "exec.create", "buildbox"}));

INSTANTIATE_TEST_SUITE_P(Versions, Target,
                         testing::Values(Case{"GET", "/v1.41./info", "400"}, Case{"GET", "/v01.41/info", "400"},
                                         Case{"GET", "/v1.041/info", "400"}, Case{"GET", "/v1.41.0.0/info", "400"},
                                         Case{"GET", "/v1/info", "400"}, Case{"GET", "/v.41/info", "400"},
                                         Case{"GET", "/v1..41/info", "400"},
                                         Case{"GET", "/v1.99999999999999999999/info", "400"},
                                         Case{"GET", "/v/info", "404"}, Case{"GET", "/v1.41x/info", "404"},
                                         Case{"GET", "/v1.41/v1.41/info", "404"}, Case{"GET", "/v1.41", "404"},
                                         Case{"GET", "/v1.41/", "404"}, Case{"GET", "/v-1.41/info", "404"},
                                         Case{"GET", "/v1.23/info", "400"}, Case{"GET", "/v0.99/info", "400"},
                                         Case{"GET", "/v1.23/nosuch", "404"}, Case{"GET", "/v1.0/info", "400"}));

TEST(Route, TheVersionIsTheClientsWithinOurRange)
{
    EXPECT_EQ(find("GET", "/info")->version, (Version{1, 47}));
    EXPECT_EQ(find("GET", "/v1.30/info")->version, (Version{1, 30}));
    EXPECT_EQ(find("GET", "/v1.24/info")->version, (Version{1, 24}));
    EXPECT_EQ(find("GET", "/v1.48/info")->version, (Version{1, 47}));
    EXPECT_EQ(find("GET", "/v2.0/info")->version, (Version{1, 47}));
    EXPECT_EQ(find("GET", "/v1.12/info").error().message,
              "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a "
              "newer version");
}

TEST(Route, ArchivesOfImagesAreServedToOlderClientsInOurOldestVersion)
{
    EXPECT_EQ(find("GET", "/v1.22/images/get?names=a")->version, (Version{1, 24}));
    EXPECT_EQ(find("GET", "/v1.22/images/a/get")->version, (Version{1, 24}));
    EXPECT_EQ(find("POST", "/v1.23/images/load")->version, (Version{1, 24}));
    EXPECT_EQ(find("POST", "/v1.21/images/load").error().status, 400);
    EXPECT_EQ(find("GET", "/v1.22/images/json").error().status, 400);
}

TEST(Route, WhatNoObjectCanBeCalledIsNotFoundInDockersWords)
{
    EXPECT_EQ(find("GET", "/containers/a/b/json").error().message, "No such container: a/b");
    EXPECT_EQ(find("GET", "/exec/a/b/json").error().message, "No such exec instance: a/b");
    EXPECT_EQ(find("GET", "/volumes/a/b").error().message, "get a/b: no such volume");
    EXPECT_EQ(find("GET", "/nosuch").error().message, "page not found");
}

TEST(Route, IsWrittenFromTheRowAlone)
{
    Query query;
    query.set("size", "1");
    EXPECT_EQ(target_of(endpoint(Op::container_inspect), {1, 47}, "abc", query), "/v1.47/containers/abc/json?size=1");
    EXPECT_EQ(target_of(endpoint(Op::container_list), {1, 24}, "", {}), "/v1.24/containers/json");
    EXPECT_EQ(target_of(endpoint(Op::image_inspect), {1, 47}, "reg:5000/a/b:1", {}),
              "/v1.47/images/reg:5000/a/b:1/json");
    EXPECT_EQ(target_of(endpoint(Op::image_history), {1, 47}, "a@sha256:0f", {}), "/v1.47/images/a@sha256:0f/history");
    EXPECT_EQ(target_of(endpoint(Op::volume_inspect), {1, 47}, "berth.k.a~2F", {}), "/v1.47/volumes/berth.k.a~2F");
    EXPECT_EQ(target_of(endpoint(Op::container_start), {1, 47}, "a/../b?x#y%", {}),
              "/v1.47/containers/a%2F..%2Fb%3Fx%23y%25/start");
    EXPECT_EQ(target_of(endpoint(Op::network_list_slash), {1, 47}, "", {}), "/v1.47/networks/");
}

}  // namespace
}  // namespace rules
