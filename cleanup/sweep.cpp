#include "cleanup/sweep.h"

#include <map>

#include "cleanup/parallel.h"

namespace cleanup {

using rules::Kind;

Task<rules::Result<std::vector<Stray>>> find_strays(Engine& engine, db::Store& store, const std::set<std::string>& open)
{
    std::vector<Stray> strays;
    std::map<std::string, std::optional<db::Job>> jobs;
    for (const Kind kind : {Kind::container, Kind::network, Kind::volume, Kind::image}) {
        rules::Result<std::vector<db::Object>> found = co_await engine.found_of_all(kind);
        if (!found) co_return tl::unexpected(found.error());
        for (db::Object& object : *found) {
            const std::string key = object.job;
            if (open.contains(key)) continue;
            auto known = jobs.find(key);
            if (known == jobs.end()) {
                auto job = co_await store.read<std::optional<db::Job>>([key](db::Ledger& ledger) { return ledger.job(key); });
                known = jobs.emplace(key, std::move(job)).first;
            }
            const std::optional<db::Job>& job = known->second;
            // A job that was opened or is ending meanwhile is somebody else's work.
            if (job && job->state != db::JobState::closed) continue;
            strays.push_back({std::move(object), job ? job->id : std::string(), job.has_value()});
        }
    }
    co_return strays;
}

Task<std::vector<Left>> remove_strays(const std::vector<Stray>& strays, bool unknown_too, const EngineFor& engine_for, db::Store& store,
                                      ReapSchedule schedule)
{
    std::map<std::string, std::vector<db::Object>> by_key;
    for (const Stray& each : strays)
        if (each.known || unknown_too) by_key[each.object.job].push_back(each.object);
    const std::vector<std::pair<std::string, std::vector<db::Object>>> jobs(by_key.begin(), by_key.end());
    std::vector<Left> left;
    const auto reap_one = [&](std::size_t at) -> Task<void> {
        const auto& [key, objects] = jobs[at];
        const std::unique_ptr<Engine> engine = engine_for(key);
        Report report = co_await reap(key, objects, *engine, store, schedule);
        std::ranges::move(report.left, std::back_inserter(left));
    };
    co_await side_by_side(jobs.size(), jobs_at_once, reap_one);
    co_return left;
}

}  // namespace cleanup
