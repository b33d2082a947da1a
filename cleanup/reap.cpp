#include "cleanup/reap.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

namespace cleanup {
namespace {

using rules::Kind;
namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

constexpr int listings_max = 20;

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

/// One reap under way. Several workers share it; all run on the one I/O thread.
struct Work {
    Engine& engine;
    db::Store& store;
    const Pace& pace;
    Report& report;
    std::vector<db::Object> queue = {};
    std::size_t next = 0;
};

Task<void> remove_one(Work& work, db::Object object)
{
    std::string error;
    auto wait = work.pace.first_retry;
    for (int tries = 0; tries < work.pace.tries; ++tries) {
        if (tries > 0) {
            co_await pause(wait);
            wait *= 2;
        }
        const rules::Result<bool> removed = co_await work.engine.remove(object);
        if (removed) {
            if (*removed) ++work.report.removed[object.kind];
            const std::int64_t row = object.row;
            if (row != 0) work.store.enqueue([row](db::Ledger& ledger) { ledger.set_state(row, db::ObjectState::gone); });
            co_return;
        }
        error = removed.error().message;
    }
    work.report.left.push_back({std::move(object), std::move(error)});
}

Task<void> worker(Work& work)
{
    while (work.next < work.queue.size()) {
        db::Object object = work.queue[work.next++];
        co_await remove_one(work, std::move(object));
    }
}

/// Removes `objects`, all of one rank, `at_once` at a time.
Task<void> remove_all(Work& work, std::vector<db::Object> objects)
{
    using namespace asio::experimental::awaitable_operators;
    work.queue = std::move(objects);
    work.next = 0;
    switch (std::min(work.pace.at_once, work.queue.size())) {
    case 0: break;
    case 1: co_await worker(work); break;
    case 2: co_await (worker(work) && worker(work)); break;
    default: co_await (worker(work) && worker(work) && worker(work) && worker(work)); break;
    }
}

/// Puts what grew from the job's own images before them, in the order of removal.
Task<void> add_grown(Work& work, std::vector<db::Object>& objects)
{
    std::vector<db::Object> made;
    for (const db::Object& each : objects)
        if (each.kind == Kind::image && each.origin == db::Origin::made) made.push_back(each);
    if (made.empty()) co_return;
    const rules::Result<std::vector<db::Object>> grown = co_await work.engine.grown(made);
    // The engine cannot be asked: nothing can be removed either, and the next reap asks again.
    if (!grown) co_return;
    const auto first = std::ranges::find(objects, Kind::image, &db::Object::kind);
    objects.insert(first, grown->begin(), grown->end());
}

/// What the engine still has of the job, less what has already been given up on; an error when it cannot be asked.
Task<rules::Result<std::vector<db::Object>>> still_there(const std::string& key, const Work& work)
{
    std::set<std::string> given_up;
    for (const Left& each : work.report.left) given_up.insert(each.object.real);
    std::vector<db::Object> all;
    for (const Kind kind : {Kind::container, Kind::network, Kind::volume, Kind::image}) {
        rules::Result<std::vector<db::Object>> found = co_await work.engine.found(kind, key);
        if (!found) co_return tl::unexpected(found.error());
        for (db::Object& each : *found)
            if (!given_up.contains(each.real)) all.push_back(std::move(each));
    }
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

Task<Report> reap(std::string key, std::vector<db::Object> objects, Engine& engine, db::Store& store, Pace pace)
{
    Report report;
    Work work{engine, store, pace, report};
    std::vector<db::Object> batch;
    const auto finish = [&store](const db::Object& object) {
        store.enqueue([row = object.row](db::Ledger& ledger) { ledger.set_state(row, db::ObjectState::gone); });
    };
    objects = removal_order(std::move(objects));
    co_await add_grown(work, objects);
    for (db::Object& object : objects) {
        if (object.kind == Kind::exec) {
            finish(object);
            continue;
        }
        report.kept += object.kind == Kind::image && object.origin == db::Origin::pulled;
        // Images without a name lean on each other: one at a time, children first.
        const bool in_order = rank(object) == 5;
        if (!batch.empty() && (in_order || rank(batch.back()) != rank(object))) {
            co_await remove_all(work, std::move(batch));
            batch.clear();
        }
        batch.push_back(std::move(object));
    }
    co_await remove_all(work, std::move(batch));

    for (int listing = 0, clean = 0; listing < listings_max && clean < 2; ++listing) {
        if (listing > 0) co_await pause(pace.between_listings);
        rules::Result<std::vector<db::Object>> found = co_await still_there(key, work);
        clean = found && found->empty() ? clean + 1 : 0;
        report.proven = clean == 2;
        if (!found) continue;
        std::vector<db::Object> ordered = removal_order(std::move(*found));
        for (db::Object& each : ordered) co_await remove_one(work, std::move(each));
    }
    co_return report;
}

}  // namespace cleanup
