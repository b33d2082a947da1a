#include "cleanup/reap.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <algorithm>

namespace {

using cleanup::Report;
using db::Object;
using db::Task;
using rules::Kind;

Object object(std::int64_t row, Kind kind, std::string id, std::string name = "x", db::Origin origin = db::Origin::made)
{
    Object made;
    made.row = row;
    made.job = "key";
    made.kind = kind;
    made.state = db::ObjectState::live;
    made.origin = origin;
    made.id = std::move(id);
    made.name = std::move(name);
    made.real = made.id;
    return made;
}

/// An engine in memory: what it has, what it was asked, and whom it refuses how often.
class FakeEngine final : public cleanup::Engine {
public:
    Task<rules::Result<std::vector<Object>>> found(Kind kind, const std::string&) override
    {
        if (unlistable) throw std::runtime_error("a list that nobody expected");
        if (++listings == appears_at) has.push_back(late);
        if (unreachable_listings > 0) {
            --unreachable_listings;
            co_return tl::unexpected(rules::Error{503, "away"});
        }
        std::vector<Object> list;
        for (const Object& each : has)
            if (each.kind == kind) list.push_back(each);
        co_return list;
    }

    Task<rules::Result<std::vector<Object>>> found_of_all(Kind kind) override { co_return co_await found(kind, {}); }

    Task<rules::Result<std::vector<Object>>> descendants(const std::vector<Object>&) override
    {
        std::vector<Object> there;
        for (const Object& each : grown_images)
            if (std::ranges::find(has, each.id, &Object::id) != has.end()) there.push_back(each);
        co_return there;
    }

    Task<rules::Result<bool>> remove(const Object& one) override
    {
        asked.push_back(one.id);
        if (one.id == broken) throw std::runtime_error("an answer that nobody expected");
        const bool held =
            one.id == holds.second && (listings < appears_at || std::ranges::any_of(has, [&](const Object& each) { return each.id == holds.first; }));
        if (held) co_return tl::unexpected(rules::Error{409, "in use"});
        if (refusals[one.id] > 0) {
            --refusals[one.id];
            co_return tl::unexpected(rules::Error{409, "busy"});
        }
        const auto before = has.size();
        std::erase_if(has, [&](const Object& each) { return each.id == one.id; });
        co_return has.size() < before;
    }

    std::vector<Object> has;
    std::vector<Object> grown_images;
    std::vector<std::string> asked;
    std::map<std::string, int> refusals;
    std::string broken;  ///< whose removal throws
    bool unlistable = false;
    int unreachable_listings = 0;
    int listings = 0;
    int appears_at = -1;  ///< the listing at which `late` is there
    Object late;
    std::pair<std::string, std::string> holds;  ///< who holds on to what, from the beginning
};

class Reap : public testing::Test {
protected:
    Report run(const std::vector<Object>& recorded)
    {
        db::Store store(io, ":memory:");
        Report report;
        const auto work = [&]() -> Task<void> {
            co_await store.write([&](db::Ledger& ledger) {
                db::Job job;
                job.key = "key";
                job.id = "job";
                job.profile = "default";
                ledger.add(job);
                for (const Object& each : recorded) ledger.put(each);
            });
            const cleanup::ReapSchedule schedule{std::chrono::milliseconds(1), std::chrono::milliseconds(2), 8, 4};
            report = co_await cleanup::reap("key", recorded, engine, store, schedule);
            co_await store.write([&](db::Ledger& ledger) { in_ledger = ledger.objects("key").size(); });
        };
        boost::asio::co_spawn(io, work(), [](const std::exception_ptr& error) {
            if (error) std::rethrow_exception(error);
        });
        io.run();
        return report;
    }

    boost::asio::io_context io;
    FakeEngine engine;
    std::size_t in_ledger = 99;
};

TEST(RemovalOrder, TakesContainersBeforeWhatTheyUseAndNamelessImagesNewestFirst)
{
    const auto ordered = cleanup::removal_order({object(1, Kind::image, "base", ""), object(2, Kind::image, "top", ""), object(3, Kind::image, "tag"),
                                                 object(4, Kind::volume, "v"), object(5, Kind::network, "n"), object(6, Kind::container, "c"),
                                                 object(7, Kind::exec, "e")});
    std::string order;
    for (const Object& each : ordered) order += each.id + " ";
    EXPECT_EQ(order, "e c n v tag top base ");
}

TEST_F(Reap, RemovesEverythingThatWasMadeAndProvesItByTwoListings)
{
    engine.has = {object(1, Kind::container, "c"), object(2, Kind::network, "n"), object(3, Kind::volume, "v"), object(4, Kind::image, "i")};
    const Report report = run(engine.has);
    EXPECT_TRUE(engine.has.empty());
    EXPECT_TRUE(report.clean());
    EXPECT_EQ(report.removed_in_all(), 4);
    EXPECT_EQ(engine.listings, 8);  // four kinds, twice
    EXPECT_EQ(in_ledger, 0u);
}

TEST_F(Reap, RemovesAllOthersWhereOneThrowsAndIsNotClean)
{
    engine.has = {object(1, Kind::container, "c"), object(2, Kind::container, "odd"), object(3, Kind::volume, "v"), object(4, Kind::image, "i")};
    engine.broken = "odd";
    const Report report = run(engine.has);
    ASSERT_EQ(report.left.size(), 1u);
    EXPECT_EQ(report.left[0].object.id, "odd");
    EXPECT_EQ(report.left[0].error, "an answer that nobody expected");
    EXPECT_EQ(engine.has.size(), 1u);
    EXPECT_FALSE(report.clean());
}

TEST_F(Reap, SaysWhyItIsNotCleanWhereTheListsCannotBeRead)
{
    engine.has = {object(1, Kind::container, "c")};
    engine.unlistable = true;
    const Report report = run(engine.has);
    EXPECT_TRUE(engine.has.empty());
    EXPECT_FALSE(report.clean());
    ASSERT_EQ(report.left.size(), 1u);
    EXPECT_NE(report.left[0].error.find("a list that nobody expected"), std::string::npos);
}

TEST_F(Reap, TakesTheJobsReferenceOfAPulledImageAndCountsItAsKept)
{
    engine.has = {object(1, Kind::image, "pulled", "busybox:latest", db::Origin::pulled)};
    const Report report = run(engine.has);
    EXPECT_EQ(engine.asked, std::vector<std::string>{"pulled"});
    EXPECT_EQ(report.kept, 1);
    EXPECT_TRUE(report.clean());
    EXPECT_EQ(in_ledger, 0u);
}

TEST_F(Reap, RemovesStepsOfBuildsThatWereCutOffBeforeTheImageTheyGrewFrom)
{
    engine.has = {object(1, Kind::image, "base", "app:1"), object(0, Kind::image, "late", ""), object(0, Kind::image, "later", "")};
    engine.grown_images = {engine.has[2], engine.has[1]};
    const Report report = run({engine.has[0]});
    EXPECT_EQ(engine.asked, (std::vector<std::string>{"later", "late", "base"}));
    EXPECT_TRUE(report.clean());
}

TEST_F(Reap, RemovesAStepThatTheEngineWasStillCommitting)
{
    engine.has = {object(1, Kind::image, "base", "app:1")};
    engine.late = object(0, Kind::image, "late", "");
    engine.appears_at = 5;
    engine.grown_images = {engine.late};
    const Report report = run({engine.has[0]});
    EXPECT_TRUE(engine.has.empty());
    EXPECT_TRUE(report.clean());
}

TEST_F(Reap, CountsWhatWasGoneAlreadyAsNothing)
{
    const Report report = run({object(1, Kind::container, "auto-removed")});
    EXPECT_EQ(report.removed_in_all(), 0);
    EXPECT_TRUE(report.clean());
    EXPECT_EQ(in_ledger, 0u);
}

TEST_F(Reap, TriesAgainWhatTheEngineRefusesAtFirst)
{
    engine.has = {object(1, Kind::network, "n")};
    engine.refusals["n"] = 2;
    const Report report = run(engine.has);
    EXPECT_TRUE(engine.has.empty());
    EXPECT_TRUE(report.clean());
}

TEST_F(Reap, KeepsAStubbornObjectInTheLedgerAndRemovesTheOthers)
{
    engine.has = {object(1, Kind::container, "stubborn"), object(2, Kind::container, "other"), object(3, Kind::volume, "v")};
    engine.refusals["stubborn"] = 1000;
    const Report report = run(engine.has);
    ASSERT_EQ(report.left.size(), 1u);
    EXPECT_EQ(report.left[0].object.id, "stubborn");
    EXPECT_EQ(report.left[0].error, "busy");
    EXPECT_FALSE(report.clean());
    EXPECT_EQ(engine.has.size(), 1u);
    EXPECT_EQ(in_ledger, 1u);
}

TEST_F(Reap, RemovesWhatOnlyTheListingKnows)
{
    engine.has = {object(0, Kind::container, "late")};
    const Report report = run({});
    EXPECT_TRUE(engine.has.empty());
    EXPECT_EQ(report.removed_in_all(), 1);
    EXPECT_TRUE(report.clean());
}

TEST_F(Reap, TriesAgainAfterTheRemovalOfWhatHeldOn)
{
    // The engine was still making the container when the reap began.
    engine.has = {object(1, Kind::volume, "v")};
    engine.appears_at = 3;
    engine.late = object(0, Kind::container, "late");
    engine.holds = {"late", "v"};
    const Report report = run(engine.has);
    EXPECT_TRUE(engine.has.empty());
    EXPECT_TRUE(report.clean());
    EXPECT_EQ(in_ledger, 0u);
}

TEST_F(Reap, IsNotProvenByListingsThatFailed)
{
    engine.unreachable_listings = 1000;
    const Report report = run({});
    EXPECT_FALSE(report.proven);
    EXPECT_FALSE(report.clean());
}

TEST_F(Reap, IsProvenOnceTheEngineIsBack)
{
    engine.unreachable_listings = 3;
    const Report report = run({});
    EXPECT_TRUE(report.clean());
}

}  // namespace
