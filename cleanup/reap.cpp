#include "cleanup/reap.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "cleanup/parallel.h"

namespace cleanup {
namespace {

using rules::Kind;
namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

Task<void> pause(std::chrono::milliseconds limit)
{
    Timer timer(co_await asio::this_coro::executor, limit);
    co_await timer.async_wait(asio::use_awaitable_t<Executor>());
}

int rank(const db::Object& object)
{
    switch (object.kind) {
    case Kind::exec: return 0;
    case Kind::container: return 1;
    case Kind::network: return 2;
    case Kind::volume: return 3;
    case Kind::image: return object.name.empty() ? 5 : 4;
    case Kind::none: break;
    }
    return 6;
}

/// One reap under way. What is removed side by side shares it; all runs on the one I/O thread.
struct Work {
    Engine& engine;
    db::Store& store;
    const ReapSchedule& schedule;
    Report& report;
    std::map<std::pair<Kind, std::string>, Left> left = {};  ///< by kind and real name: what could not be removed so far
    std::vector<db::Object> made = {};  ///< images that the job made, or began to
    std::vector<db::Object> queue = {};
};

/// What `asked` answers; what it throws is its error: one object's failure is no other object's.
template <class T>
Task<rules::Result<T>> guarded(Task<rules::Result<T>> asked)
{
    try {
        co_return co_await std::move(asked);
    } catch (const std::exception& failure) {
        co_return tl::unexpected(rules::Error{500, failure.what()});
    }
}

Task<void> remove_one(Work& work, db::Object object)
{
    const std::pair at(object.kind, object.real);
    const rules::Result<bool> removed = co_await guarded(work.engine.remove(object));
    if (!removed) {
        work.left.insert_or_assign(at, Left{std::move(object), removed.error().message});
        co_return;
    }
    work.left.erase(at);
    if (*removed) ++work.report.removed[object.kind];
    if (const std::int64_t row = object.row; row != 0)
        work.store.enqueue([row](db::Ledger& ledger) { ledger.set_state(row, db::ObjectState::gone); });
}

/// Removes `work.queue`, all of one rank, `at_once` at a time.
Task<void> remove_queue(Work& work)
{
    const auto remove = [&work](std::size_t at) { return remove_one(work, work.queue[at]); };
    co_await side_by_side(work.queue.size(), work.schedule.at_once, remove);
    work.queue.clear();
}

/// Tries each of `objects` once, in their order.
Task<void> remove_all(Work& work, std::vector<db::Object> objects)
{
    for (db::Object& object : objects) {
        // Images without a name lean on each other: one at a time, children first.
        const bool in_order = rank(object) == 5;
        if (!work.queue.empty() && (in_order || rank(work.queue.back()) != rank(object))) co_await remove_queue(work);
        work.queue.push_back(std::move(object));
    }
    co_await remove_queue(work);
}

/// Puts what grew from the job's own images before them, in the order of removal.
Task<void> add_grown(Work& work, std::vector<db::Object>& objects)
{
    if (work.made.empty()) co_return;
    const rules::Result<std::vector<db::Object>> grown = co_await guarded(work.engine.descendants(work.made));
    // The engine cannot be asked: nothing can be removed either, and the listings ask again.
    if (!grown) co_return;
    const auto first = std::ranges::find(objects, Kind::image, &db::Object::kind);
    objects.insert(first, grown->begin(), grown->end());
}

/// What the engine still has of the job; an error when it cannot be asked.
Task<rules::Result<std::vector<db::Object>>> still_there(const std::string& key, Work& work)
{
    std::vector<db::Object> all;
    for (const Kind kind : {Kind::container, Kind::network, Kind::volume, Kind::image}) {
        rules::Result<std::vector<db::Object>> found = co_await guarded(work.engine.found(kind, key));
        if (!found) co_return tl::unexpected(found.error());
        std::ranges::move(*found, std::back_inserter(all));
    }
    if (work.made.empty()) co_return all;
    rules::Result<std::vector<db::Object>> grown = co_await guarded(work.engine.descendants(work.made));
    if (!grown) co_return tl::unexpected(grown.error());
    std::ranges::move(*grown, std::back_inserter(all));
    co_return all;
}

}  // namespace

std::int64_t Report::removed_in_all() const
{
    std::int64_t sum = 0;
    for (const auto& [kind, count] : removed) sum += count;
    return sum;
}

std::vector<db::Object> removal_order(std::vector<db::Object> objects)
{
    std::ranges::sort(objects, [](const db::Object& a, const db::Object& b) {
        if (rank(a) != rank(b)) return rank(a) < rank(b);
        return a.kind == Kind::image && a.name.empty() ? a.row > b.row : a.row < b.row;
    });
    return objects;
}

Task<Report> reap(std::string key, std::vector<db::Object> objects, Engine& engine, db::Store& store, ReapSchedule schedule)
{
    Report report;
    Work work{engine, store, schedule, report};
    objects = removal_order(std::move(objects));
    for (const db::Object& object : objects) {
        report.kept += object.kind == Kind::image && object.origin == db::Origin::pulled;
        // Execs went with their containers.
        if (object.kind == Kind::exec)
            store.enqueue([row = object.row](db::Ledger& ledger) { ledger.set_state(row, db::ObjectState::gone); });
        if (object.kind == Kind::image && object.origin == db::Origin::made) work.made.push_back(object);
    }
    std::erase_if(objects, [](const db::Object& object) { return object.kind == Kind::exec; });
    co_await add_grown(work, objects);
    co_await remove_all(work, std::move(objects));

    // The listings are the truth: what the engine was still making shows up in one of them, and what that held on to
    // can be removed after it.
    auto wait = schedule.between_listings;
    std::string unlisted;  // why the last listing could not be had
    for (int listing = 0, clean = 0; listing < schedule.listings && clean < 2; ++listing) {
        if (listing > 0) co_await pause(wait);
        if (listing > 1 && clean == 0) wait = std::min(wait * 3 / 2, schedule.longest_wait);
        rules::Result<std::vector<db::Object>> found = co_await still_there(key, work);
        clean = found && found->empty() && work.left.empty() ? clean + 1 : 0;
        report.proven = clean == 2;
        unlisted = found ? std::string() : found.error().message;
        if (!found) continue;
        std::vector<db::Object> again;
        for (db::Object& each : *found)
            if (!work.left.contains(std::pair(each.kind, each.real))) again.push_back(std::move(each));
        for (const auto& [at, left] : work.left) again.push_back(left.object);
        co_await remove_all(work, removal_order(std::move(again)));
    }
    for (auto& [at, left] : work.left) report.left.push_back(std::move(left));
    if (!unlisted.empty()) report.left.push_back({db::Object{}, "what else is left is not known: " + unlisted});
    co_return report;
}

}  // namespace cleanup
