#include <ctime>
#include <set>

#include "broker/engine/anchor.h"
#include "broker/engine/removal.h"
#include "broker/host/beneath.h"
#include "broker/host/door.h"
#include "broker/host/shims.h"
#include "broker/host/systemd.h"
#include "broker/io/offload.h"
#include "broker/io/log.h"
#include "broker/jobs/jobs.h"
#include "broker/jobs/subnet_leases.h"
#include "broker/network/firewall.h"

// How a job ends once it is to end: it is drained, what it made is removed and that is proven.
namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

constexpr auto retry_after = 15s;  ///< of a close that left something, or broke off
constexpr auto step_limit = 30s;   ///< of each step that waits for the engine

/// What those are told who do not wait for the end any longer.
cleanup::Report unfinished(const Job& job)
{
    cleanup::Report report;
    for (const db::Object& each : job.objects.all())
        if (each.kind != Kind::exec) report.left.push_back({each, "not known to be gone yet: the end of the job goes on"});
    if (report.left.empty()) report.left.push_back({db::Object{}, "the end of the job goes on"});
    return report;
}

}  // namespace

Task<> Jobs::drain(Job& job, Clock::duration limit)
{
    error_code ignored;
    if (job.acceptor) job.acceptor->close(ignored);
    job.texts.end();
    const auto deadline = Clock::now() + limit;
    for (;;) {
        bool making = false;
        for (const Connection& each : job.connections) {
            if (each.making && Clock::now() < deadline)
                making = true;
            else
                each.cut();
        }
        if (job.connections.empty()) co_return;
        // A connection that was cut ends within a turn of the loop or two; one that makes something when that is recorded.
        if (Clock::now() > deadline + 5s) co_return;
        co_await pause(making ? 20ms : 1ms);
    }
}

Task<rules::Result<cleanup::Report>> Jobs::close(std::string id, std::chrono::seconds limit)
{
    Job* found = find(id);
    if (!found) co_return rules::not_found("there is no open job " + id);
    Job& job = *found;
    const Closing closing(job);
    std::shared_ptr<Ending> ending;
    if (const auto under_way = endings_.find(job.facts.key); under_way != endings_.end()) {
        ending = under_way->second;
    } else {
        ending = std::make_shared<Ending>(services_.io.get_executor());
        endings_.emplace(job.facts.key, ending);
        job.facts.state = db::JobState::draining;
        asio::co_spawn(services_.io, finish(job, Clock::duration(limit) / 2, ending), asio::detached);
    }
    const auto wait = [ending]() -> Task<> {
        if (!ending->is_over()) co_await ending->over.async_wait(use_task_tuple);
    };
    co_await within(limit, wait());
    if (ending->failure) std::rethrow_exception(ending->failure);
    co_return ending->report ? *ending->report : unfinished(job);
}

Task<> Jobs::finish(Job& job, Clock::duration limit, std::shared_ptr<Ending> ending)
{
    const Closing closing(job);
    try {
        cleanup::Report report = co_await drain_and_reap(job, limit);
        ending->report = std::move(report);
    } catch (const std::exception& failure) {
        log::error("a job was not ended", {{"job", job.facts.id}, {"error", failure.what()}});
        job.retry = Clock::now() + retry_after;
        ending->failure = std::current_exception();
    }
    endings_.erase(job.facts.key);
    ending->over.cancel();
}

Task<cleanup::Report> Jobs::drain_and_reap(Job& job, Clock::duration limit)
{
    const std::string key = job.facts.key;
    const std::int64_t started = std::time(nullptr);
    const auto begun = Clock::now();
    // A ledger that cannot be written keeps nothing from going: what goes makes room.
    co_await write_or_log([key, started](db::Ledger& ledger) { ledger.set_state(key, db::JobState::draining, started); });
    services_.supervisor.drop(fdstore_name(key));  // else it would keep the socket open, and new clients would wait for the next process
    co_await drain(job, limit);

    const auto turn = co_await removals_.hold();
    cleanup::Report report = co_await remove_everything(job);
    co_await record_reap(job, report, started);
    if (report.clean()) {
        services_.leases.give_back_all(key);
        co_await services_.firewall.release_job(key);
    }
    log::info("job reaped", {{"job", job.facts.id},
                             {"removed", report.removed_in_all()},
                             {"left", report.left.size()},
                             {"proven", report.proven ? "yes" : "no"},
                             {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count()}});
    if (report.clean())
        retire(job);
    else
        keep_left(job, report);
    co_return report;
}

Task<cleanup::Report> Jobs::remove_everything(Job& job)
{
    const std::string key = job.facts.key;
    if (const auto network = job.objects.network("bridge"); network && !job.facts.anchor.empty()) {
        Task<> parting = part_anchor(services_.engine, job.facts.anchor, network->id);
        co_await within(step_limit, std::move(parting));
    }
    EngineCleanup remover(services_.engine, key);
    const std::vector<db::Object> images = job.objects.all(Kind::image);
    if (job.profile.image_cache == "built") co_await within(step_limit, keep_built(job));
    std::vector<db::Object> objects = job.objects.all();
    // A build that is still under way keeps its rows: which images it made is known only when it has ended.
    std::erase_if(objects, [&job](const db::Object& each) { return each.kind == Kind::image && each.id.empty() && job.pending.contains(each.row); });
    std::set<std::string> containers;
    std::set<std::int64_t> taken;
    for (const db::Object& each : objects) taken.insert(each.row);
    for (const db::Object& each : objects)
        if (each.kind == Kind::container && !each.id.empty()) containers.insert(each.id);
    cleanup::Report report = co_await cleanup::reap(key, std::move(objects), remover, services_.store);
    const auto leave = [&]() -> Task<> { report.kept -= co_await leave_cache(images, job.profile.image_cache); };
    co_await within(step_limit, leave());

    for (const db::Object& each : job.objects.all(Kind::image))
        if (!taken.contains(each.row)) report.left.push_back({each, "a request of the job was at it while the job ended"});
    // What the engine is still making will be removed by whoever asked for it, once the engine has answered.
    for (const Connection& each : job.connections)
        if (each.making) report.left.push_back({db::Object{}, "a request of the job is still under way at the engine"});

    if (report.clean()) {
        Task<> ending = end_processes(job, std::move(containers));
        const bool known = co_await within(step_limit, std::move(ending));
        if (!known) report.left.push_back({db::Object{}, "the engine does not tell which containers it has forgotten"});
    }
    if (report.clean() && !co_await remove_cgroup_of(job)) report.left.push_back({db::Object{}, "processes are left in the job's cgroup"});
    co_return report;
}

Task<> Jobs::record_reap(const Job& job, cleanup::Report& report, std::int64_t started)
{
    Json detail = Json::object();
    for (const auto& [kind, count] : report.removed) detail["removed"][std::string(rules::kind_name(kind))] = count;
    for (const cleanup::Left& each : report.left) {
        detail["left"].push_back(
            {{"kind", rules::kind_name(each.object.kind)}, {"name", each.object.shown_name()}, {"id", each.object.id}, {"error", each.error}});
        log::warn("not removed",
                  {{"job", job.facts.id}, {"kind", rules::kind_name(each.object.kind)}, {"name", each.object.shown_name()}, {"error", each.error}});
    }
    const std::string key = job.facts.key;
    const db::Reap told{key, started, std::time(nullptr), report.removed_in_all(), static_cast<std::int64_t>(report.left.size()), detail.dump()};
    const bool noted = co_await write_or_log([key, told, clean = report.clean()](db::Ledger& ledger) {
        ledger.add(told);
        if (!clean) return;
        ledger.set_state(key, db::JobState::closed, told.finished);
        ledger.end_leases(key);
    });
    if (!noted) report.left.push_back({db::Object{}, "the ledger cannot be written: that the job is over is recorded later"});
}

void Jobs::retire(Job& job)
{
    job.facts.state = db::JobState::closed;
    std::error_code ignored;
    std::filesystem::remove_all(job.directory, ignored);
    unpin_all(job.pins_directory);
    auto node = jobs_.extract(job.facts.key);
    retired_.push_back(std::move(node.mapped()));
}

void Jobs::keep_left(Job& job, const cleanup::Report& report)
{
    job.retry = Clock::now() + retry_after;
    for (const db::Object& each : job.objects.all())
        if (std::ranges::none_of(report.left, [&](const cleanup::Left& one) { return one.object.row == each.row; })) job.objects.forget(each.row);
}

Task<> Jobs::end_processes(const Job& job, std::set<std::string> containers)
{
    try {  // also those that are gone already: an engine that starts removes its `--rm` containers
        containers.merge(
            co_await services_.store.read<std::set<std::string>>([key = job.facts.key](db::Ledger& ledger) { return ledger.containers(key); }));
    } catch (const db::Failure& failure) {
        log::warn("the ledger does not tell the containers of a job", {{"job", job.facts.id}, {"error", failure.what()}});
    }
    if (containers.empty()) co_return;
    std::vector<Shim> running;
    co_await offload([&running] { running = shims(); });
    std::set<std::string> forgotten;
    for (const Shim& each : running) {
        if (!containers.contains(each.container)) continue;
        const Answer answer = co_await services_.engine.inspect(Kind::container, each.container);
        if (answer.status == 404) forgotten.insert(each.container);  // else it is an operator's, on a network of the job
    }
    if (const int killed = co_await end_shims(std::move(forgotten)); killed > 0)
        log::warn("processes were left of containers that the engine has forgotten", {{"job", job.facts.id}, {"killed", killed}});
}

Task<bool> Jobs::remove_cgroup_of(Job& job)
{
    bool gone = true;
    if (job.cgroup.empty()) co_return gone;
    const auto remove = [&] { gone = remove_cgroup(cgroups_, job.facts.key); };
    for (int tries = 0; tries < 50; ++tries) {  // the kernel lets go of a process that has ended a moment later
        if (tries > 0) co_await pause(100ms);
        co_await offload(remove);
        if (gone) break;
    }
    co_return gone;
}

}  // namespace broker
