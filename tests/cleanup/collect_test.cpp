#include "cleanup/collect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

namespace {

using cleanup::CacheLimits;
using cleanup::Collected;
using cleanup::Fill;
using cleanup::Image;
using cleanup::Judged;
using cleanup::Level;
using db::Cached;
using db::Task;

constexpr std::int64_t megabyte = 1 << 20;
const std::string job_name = "berth." + std::string(26, 'a') + "/docker.io/library/app:1";

Image image(const std::string& id, std::vector<std::string> names, std::int64_t megabytes = 10, const std::string& parent = {})
{
    return {id, parent, std::move(names), megabytes * megabyte};
}

/// An engine in memory: its images, and a file system that holds nothing else.
class FakeEngine final : public cleanup::ImageStore {
public:
    Task<rules::Result<std::vector<Image>>> images() override { co_return has; }
    Task<rules::Result<std::set<std::string>>> used_by_containers() override { co_return in_containers; }

    std::optional<Fill> fill() override
    {
        if (!visible) return std::nullopt;
        std::int64_t sum = 0;
        for (const Image& each : has) sum += each.size;
        const auto files = static_cast<std::int64_t>(has.size());
        return Fill{100 * megabyte, sum, inodes, files * inodes_each};
    }

    Task<rules::Result<bool>> release(const std::string& name, const Image& image, bool& is_busy) override
    {
        is_busy = std::ranges::any_of(image.names, [&](const std::string& each) { return busy.contains(each); });
        if (is_busy) co_return false;
        if (refuses.contains(name)) co_return tl::unexpected(rules::Error{409, "conflict"});
        asked.push_back(name);
        const auto before = has.size();
        for (Image& each : has) std::erase(each.names, name);
        std::erase_if(has, [&](const Image& each) { return each.names.empty(); });
        co_return has.size() < before;
    }

    std::vector<Image> has;
    std::set<std::string> in_containers, busy, refuses;
    std::vector<std::string> asked;
    bool visible = true;
    std::int64_t inodes = 1000, inodes_each = 1;
};

class Collect : public testing::Test {
protected:
    Collected run(bool dry_run = false)
    {
        boost::asio::io_context io;
        db::Store store(io, ":memory:");
        Collected collected;
        const auto work = [&]() -> Task<void> {
            co_await store.write([&](db::Ledger& ledger) {
                ledger.add_host_images(of_host, 1);
                for (const Cached& each : rows) ledger.put(each);
            });
            auto result = co_await cleanup::collect(engine, store, limits, dry_run);
            collected = result.value();
            co_await store.write([&](db::Ledger& ledger) {
                rows = ledger.cached();
                of_host = *ledger.host_images();
            });
        };
        boost::asio::co_spawn(io, work(), [](const std::exception_ptr& error) {
            if (error) std::rethrow_exception(error);
        });
        io.run();
        return collected;
    }

    /// Pulled by a job and not in use any more.
    void add(const std::string& name, db::Seconds used, std::int64_t megabytes = 10, const std::string& profile = "default")
    {
        engine.has.push_back(image("id-" + name, {name}, megabytes));
        rows.push_back({"id-" + name, name, profile, used});
    }

    static std::string why(const Collected& collected, const std::string& id)
    {
        for (const Judged& each : collected.images)
            if (each.image.id == id) return (each.gone ? "gone: " : "kept: ") + each.why;
        return "not of the cache";
    }

    std::vector<std::string> names_left() const
    {
        std::vector<std::string> names;
        for (const Image& each : engine.has)
            for (const std::string& name : each.names) names.push_back(name);
        return names;
    }

    FakeEngine engine;
    std::vector<Cached> rows;
    std::set<std::string> of_host;
    CacheLimits limits{{Level::Of::file_system, 50}, {Level::Of::file_system, 30}, {}, {}};
};

using Names = std::vector<std::string>;

TEST_F(Collect, BelowTheHighWatermarkAllStays)
{
    for (const char* name : {"a:1", "b:1", "c:1", "d:1", "e:1"}) add(name, 10);
    const Collected collected = run();
    EXPECT_TRUE(engine.asked.empty());
    EXPECT_EQ(why(collected, "id-a:1"), "kept: there is room");
    EXPECT_EQ(collected.bytes, 50 * megabyte);
}

TEST_F(Collect, TheLeastRecentlyUsedGoUntilTheLowWatermark)
{
    int used = 100;
    for (const char* name : {"a:1", "b:1", "c:1", "d:1", "e:1", "f:1"}) add(name, used--);
    const Collected collected = run();
    EXPECT_EQ(engine.asked, (Names{"f:1", "e:1", "d:1"}));
    EXPECT_EQ(collected.freed, 30 * megabyte);
    EXPECT_EQ(collected.returned, 30 * megabyte);
    EXPECT_EQ(why(collected, "id-f:1"), "gone: over 50%, down to 30%");
    EXPECT_EQ(rows.size(), 3U);
    EXPECT_TRUE(collected.problem.empty());
}

TEST_F(Collect, InodesCountAsBytesDo)
{
    engine.inodes_each = 200;
    for (const char* name : {"a:1", "b:1", "c:1"}) add(name, 10, 1);
    run();
    EXPECT_EQ(engine.has.size(), 1U);
}

TEST_F(Collect, ADryRunSaysTheSameAndDoesNothing)
{
    for (const char* name : {"a:1", "b:1", "c:1", "d:1", "e:1", "f:1"}) add(name, 10);
    const Collected dry = run(true);
    EXPECT_TRUE(engine.asked.empty());
    EXPECT_EQ(rows.size(), 6U);
    const Collected wet = run();
    EXPECT_EQ(dry.freed, wet.freed);
    for (std::size_t at = 0; at < dry.images.size(); ++at) EXPECT_EQ(dry.images[at].gone, wet.images[at].gone);
}

TEST_F(Collect, WhatIsNotFreeToGoStaysWithItsReason)
{
    limits.low = limits.high = {Level::Of::file_system, 0};
    limits.pins = {"tool*"};
    for (const char* name : {"job:1", "box:1", "tools:1", "was:1", "pulling:1", "stuck:1", "free:1", "tagged:1"}) add(name, 10, 1);
    engine.has[0].names.push_back(job_name);
    engine.has[7].names.emplace_back("mine:1");
    engine.has.push_back(image("of-the-host", {"host:1"}, 1));
    engine.in_containers = {"id-box:1"};
    of_host = {"id-was:1", "of-the-host"};
    engine.busy = {"pulling:1"};
    engine.refuses = {"stuck:1"};
    const Collected collected = run();
    EXPECT_EQ(why(collected, "id-job:1"), "kept: a job has it");
    EXPECT_EQ(why(collected, "id-box:1"), "kept: a container uses it");
    EXPECT_EQ(why(collected, "id-tools:1"), "kept: pinned by tool*");
    EXPECT_EQ(why(collected, "id-was:1"), "kept: it was here before jobs pulled it");
    EXPECT_EQ(why(collected, "id-pulling:1"), "kept: a job is pulling it");
    EXPECT_EQ(why(collected, "id-stuck:1"), "kept: conflict");
    EXPECT_EQ(why(collected, "id-tagged:1"), "kept: the host has it as mine:1");
    EXPECT_EQ(why(collected, "of-the-host"), "not of the cache");
    EXPECT_EQ(why(collected, "id-free:1"), "gone: over 0%, down to 0%");
    EXPECT_EQ(engine.asked, (Names{"free:1"}));
    EXPECT_NE(collected.problem.find("still over 0%"), std::string::npos);
}

TEST_F(Collect, PinsSpeakOfRepositoriesAndOfWholeNames)
{
    limits.low = limits.high = {Level::Of::file_system, 0};
    limits.pins = {"alpine", "docker.io/library/busy*", "ghcr.io/us/**", "*:stable"};
    for (const char* name : {"alpine:3", "busybox:1", "ghcr.io/us/a/b:1", "other:stable", "alpine2:1", "ghcr.io/them/a:1"}) add(name, 10, 1);
    run();
    EXPECT_EQ(names_left(), (Names{"alpine:3", "busybox:1", "ghcr.io/us/a/b:1", "other:stable"}));
}

TEST_F(Collect, ChildrenGoBeforeParentsAndAreUsesOfThem)
{
    limits.low = limits.high = {Level::Of::file_system, 15};
    add("parent:1", 10);
    add("child:1", 50);
    add("other:1", 30);
    engine.has[1].parent = "id-parent:1";
    run();
    EXPECT_EQ(engine.asked, (Names{"other:1", "child:1"})) << "used when its child was, the parent is the last";
}

TEST_F(Collect, WhatAnImageOfSomebodyElseGrewFromStays)
{
    limits.low = limits.high = {Level::Of::file_system, 0};
    add("base:1", 10);
    engine.has.push_back(image("step", {}, 1, "id-base:1"));
    engine.has.push_back(image("of-the-host", {"host:1"}, 1, "step"));
    const Collected collected = run();
    EXPECT_EQ(why(collected, "id-base:1"), "kept: an image grew from it");
    EXPECT_TRUE(engine.asked.empty());
}

TEST_F(Collect, AnImageWithSeveralNamesGoesWithTheLast)
{
    limits.low = limits.high = {Level::Of::file_system, 0};
    engine.has.push_back(image("x", {"a:1", "a:2", "a@sha256:1", "b:1", "b@sha256:1"}));
    rows = {{"x", "a:1", "default", 5}, {"x", "a:2", "default", 6}, {"x", "b:1", "default", 7}};
    run();
    EXPECT_TRUE(engine.has.empty());
    EXPECT_EQ(engine.asked, (Names{"a:1", "a:2", "b:1", "a@sha256:1", "b@sha256:1"}));
    EXPECT_TRUE(rows.empty());
}

TEST_F(Collect, ATagThatMovedOnLeavesAnImageThatGoesToo)
{
    limits.low = limits.high = {Level::Of::file_system, 0};
    engine.has.push_back(image("old", {"a@sha256:1"}));
    rows = {{"old", "a:1", "default", 5}};
    run();
    EXPECT_EQ(engine.asked, (Names{"a@sha256:1"}));
}

TEST_F(Collect, WhatNoProfileKeepsGoesThoughThereIsRoom)
{
    add("kept:1", 10);
    add("unkept:1", 50, 10, "");
    const Collected collected = run();
    EXPECT_EQ(engine.asked, (Names{"unkept:1"}));
    EXPECT_EQ(why(collected, "id-unkept:1"), "gone: no profile keeps it");
}

TEST_F(Collect, AProfilesCapIsOfWhatItUsedLast)
{
    limits.caps = {{"small", 15 * megabyte}, {"default", 0}};
    add("a:1", 10, 10, "small");
    add("b:1", 20, 10, "small");
    add("c:1", 5, 10, "default");
    const Collected collected = run();
    EXPECT_EQ(engine.asked, (Names{"a:1"}));
    EXPECT_EQ(why(collected, "id-a:1"), "gone: the cache of profile small is over 15MiB");
}

TEST_F(Collect, SizesCountTheCacheAlone)
{
    limits.high = {Level::Of::images, 25 * megabyte};
    limits.low = {Level::Of::images, 10 * megabyte};
    engine.visible = false;
    engine.has.push_back(image("of-the-host", {"host:1"}, 90));
    for (const char* name : {"a:1", "b:1", "c:1"}) add(name, 10);
    const Collected collected = run();
    EXPECT_EQ(engine.asked.size(), 2U);
    EXPECT_FALSE(collected.returned);
}

TEST_F(Collect, PerCentOfWhatCannotBeSeenCollectNothingAndSaySo)
{
    engine.visible = false;
    add("a:1", 10, 90);
    EXPECT_NE(run().problem.find("give a size"), std::string::npos);
    EXPECT_TRUE(engine.asked.empty());
}

TEST_F(Collect, RowsOfWhatIsGoneGo)
{
    add("a:1", 10);
    rows.push_back({"gone", "b:1", "default", 10});
    of_host = {"id-of-the-host", "gone-too"};
    engine.has.push_back(image("id-of-the-host", {"host:1"}));
    run();
    EXPECT_EQ(rows.size(), 1U);
    EXPECT_EQ(of_host, (std::set<std::string>{"id-of-the-host"}));
}

TEST(CacheLevel, IsAPartOrASize)
{
    EXPECT_EQ(*cleanup::parse_level("80%"), (Level{Level::Of::file_system, 80}));
    EXPECT_EQ(*cleanup::parse_level("2GiB"), (Level{Level::Of::images, std::int64_t{2} << 30}));
    for (const char* wrong : {"", "%", "101%", "-1%", "many", "5 %"}) EXPECT_FALSE(cleanup::parse_level(wrong)) << wrong;
    EXPECT_EQ(cleanup::to_string(*cleanup::parse_level("20GiB")), "20GiB");
}

}  // namespace
