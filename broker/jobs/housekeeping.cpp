#include <ctime>
#include <set>

#include "broker/engine/image_cache.h"
#include "broker/engine/removal.h"
#include "broker/http/refused.h"
#include "broker/io/log.h"
#include "broker/jobs/jobs.h"
#include "cleanup/parallel.h"
#include "rules/names/names.h"

// What is left of jobs: on the engine, and in the ledger. The daemon does it now and then, `berth cleanup` when it is called.
namespace broker {
namespace {

using rules::Json;
using rules::Kind;

constexpr db::Seconds retention = 30 * 24 * 3600;  ///< of jobs that are over, in the ledger
constexpr auto close_limit = 60s;

/// A job that is over, with what it had and what could not be removed of it.
struct Over {
    std::string key, id;
    std::vector<db::Object> had;
    std::vector<cleanup::Left> left = {};
};

Json line(const std::string& job, const db::Object& object, std::string_view why, std::string_view outcome, std::string error = {})
{
    return {{"job", job},   {"key", object.job}, {"kind", rules::kind_name(object.kind)}, {"name", object.shown_name()},
            {"id", object.id}, {"why", why},        {"outcome", outcome},                   {"error", std::move(error)}};
}

bool is_over(const Job& job)
{
    return !job.open() || (job.facts.deadline != 0 && job.facts.deadline <= std::time(nullptr));
}

const cleanup::Left* left_of(const std::vector<cleanup::Left>& left, const db::Object& object)
{
    for (const cleanup::Left& each : left)
        if (each.object.kind == object.kind && each.object.real == object.real) return &each;
    return nullptr;
}

}  // namespace

Task<Json> Jobs::cleanup(bool dry_run, bool orphans)
{
    Json objects = Json::array();
    bool clean = true;
    std::vector<Over> jobs;
    for (const auto& [key, job] : jobs_)
        if (is_over(*job)) jobs.push_back({key, job->facts.id, job->objects.all()});
    const auto close_one = [&](std::size_t at) -> Task<> {
        const std::string key = jobs[at].key;
        try {
            const auto report = co_await close(key, close_limit);
            if (!report) co_return;
            jobs[at].left = report->left;
            clean = clean && report->clean();
        } catch (const std::exception&) {  // was logged; the others are closed all the same
            for (const db::Object& each : jobs[at].had) jobs[at].left.push_back({each, "its job was not ended"});
            clean = false;
        }
    };
    if (!dry_run) co_await cleanup::side_by_side(jobs.size(), jobs.size(), close_one);
    for (const Over& job : jobs)
        for (const db::Object& each : job.had) {
            if (each.kind == Kind::exec) continue;
            const cleanup::Left* stays = left_of(job.left, each);
            objects.push_back(line(job.id, each, "its job is over", dry_run ? "would go" : stays ? "left" : "gone", stays ? stays->error : ""));
        }

    EngineCleanup remover(services_.engine, {});
    std::set<std::string> open;
    for (const std::string& key : keys()) open.insert(key);
    const std::vector<cleanup::Stray> strays = or_refuse(co_await cleanup::find_strays(remover, services_.store, open));
    std::vector<cleanup::Left> left;
    const auto engine_for = [this](const std::string& key) -> std::unique_ptr<cleanup::Engine> {
        return std::make_unique<EngineCleanup>(services_.engine, key);
    };
    if (!dry_run) left = co_await cleanup::remove_strays(strays, orphans, engine_for, services_.store);
    for (const cleanup::Stray& each : strays) {
        const cleanup::Left* stays = left_of(left, each.object);
        const bool goes = each.known || orphans;
        objects.push_back(line(each.job, each.object,
                               each.known ? "its job is closed" : "no job of this ledger has it: another daemon's, or its ledger was lost",
                               !goes     ? "kept"
                               : dry_run ? "would go"
                               : stays   ? "left"
                                         : "gone",
                               stays ? stays->error : ""));
    }
    clean = clean && left.empty();

    std::int64_t forgotten = 0;
    const db::Seconds before = std::time(nullptr) - retention;
    if (!dry_run) forgotten = co_await services_.store.read<std::int64_t>([before](db::Ledger& ledger) { return ledger.forget(before); });
    Json cache = co_await collect_images(dry_run);
    co_return Json{{"dry_run", dry_run}, {"objects", std::move(objects)}, {"cache", std::move(cache)}, {"forgotten", forgotten}, {"clean", clean}};
}

Task<Json> Jobs::collect_images(bool dry_run)
{
    std::map<std::string, std::int64_t> caps;
    for (const auto& [name, profile] : rulebook_.profiles) caps[name] = profile.image_cache_max;
    co_return co_await services_.cache.collect(std::move(caps), dry_run);
}

Task<std::int64_t> Jobs::leave_cache(std::vector<db::Object> images, std::string profile_cache)
{
    std::int64_t dropped = 0;
    try {
        for (const db::Object& each : images) {
            if (each.origin != db::Origin::pulled || each.id.empty()) continue;
            services_.cache.used(each.id);
            if (profile_cache == "none") dropped += co_await services_.cache.drop(each.id, each.name);
        }
    } catch (const std::exception& failure) {
        log::warn("the cache of images", {{"error", failure.what()}});  // the collector does it later
    }
    co_return dropped;
}

Task<> Jobs::keep_built(const Job& job)
{
    const std::set<std::string> built = job.built;
    const std::string profile = job.profile.name;
    try {
        for (const std::string& id : built) co_await services_.cache.keep_built(id, profile);
    } catch (const std::exception& failure) {
        log::warn("the results of builds are not kept", {{"error", failure.what()}});
    }
}

Task<> Jobs::relieve_cache()
{
    try {
        const Json report = co_await collect_images(false);
        if (const std::string problem = report.value("problem", ""); !problem.empty()) log::warn("the cache of images", {{"problem", problem}});
    } catch (const std::exception& failure) {
        log::warn("the cache of images", {{"error", failure.what()}});
    }
}

Task<> Jobs::keep_house()
{
    try {
        const Json report = co_await cleanup(false, false);
        for (const Json& each : report["objects"])
            if (each["outcome"] != "kept")
                log::warn("was left of a job", {{"job", each["job"].get<std::string>()},
                                                {"kind", each["kind"].get<std::string>()},
                                                {"name", each["name"].get<std::string>()},
                                                {"outcome", each["outcome"].get<std::string>()}});
        co_await forget_all_vanished();
    } catch (const Refused& refused) {
        log::warn("housekeeping", {{"error", refused.error.message}});
    } catch (const std::exception& failure) {
        log::warn("housekeeping", {{"error", failure.what()}});
    }
}

Task<> Jobs::forget_all_vanished()
{
    for (const std::string& key : keys()) {
        try {
            co_await forget_vanished(key);
        } catch (const std::exception& failure) {  // this job is tried again later; the others now
            log::warn("a job is not compared with the engine's lists", {{"key", key}, {"error", failure.what()}});
        }
    }
}

Task<> Jobs::forget_vanished(std::string key)
{
    EngineCleanup remover(services_.engine, key);
    for (const Kind kind : {Kind::container, Kind::network, Kind::volume, Kind::image}) {
        const Job* before = find(key);
        if (!before || !before->open()) co_return;
        std::vector<db::Object> rows = before->objects.all(kind);  // read before the engine's list, so that newer objects are not compared
        const auto found = co_await remover.found(kind, key);
        Job* job = find(key);
        if (!found || !job || !job->open()) co_return;
        std::set<std::string> there;
        for (const db::Object& each : *found) there.insert(kind == Kind::image ? each.real : each.id);
        for (const db::Object& row : rows) {
            if (row.state != db::ObjectState::live || !rules::key_of(row.real) || there.contains(kind == Kind::image ? row.real : row.id)) continue;
            const db::Object* now = job->objects.at(row.row);
            if (!now || now->id != row.id || now->real != row.real || job->pending.contains(row.row)) continue;
            log::info("was removed behind our back", {{"job", job->facts.id}, {"kind", rules::kind_name(kind)}, {"name", row.name}});
            if (kind == Kind::image)
                job->objects.forget(row.row);
            else
                job->objects.destroyed(kind, row.id);
        }
    }
}

}  // namespace broker
