#include <ctime>
#include <set>

#include "broker/engine/images.h"
#include "broker/engine/removal.h"
#include "broker/host/beneath.h"
#include "broker/io/log.h"
#include "broker/jobs/jobs.h"
#include "broker/jobs/subnet_leases.h"
#include "broker/network/firewall.h"
#include "rules/names/image_names.h"
#include "rules/names/names.h"

// What a process makes of the jobs that the last one left.
namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

}  // namespace

Task<> Jobs::restore(bool serving)
{
    struct Restored {
        db::Job job;
        std::vector<db::Object> objects;
    };
    std::vector<Restored> restored;
    std::vector<db::SubnetLease> leases;
    co_await services_.store.write([&](db::Ledger& ledger) {
        for (db::Job& each : ledger.jobs()) {
            std::vector<db::Object> objects = ledger.objects(each.key);
            restored.push_back({std::move(each), std::move(objects)});
        }
        next_row_ = ledger.last_row();
        leases = ledger.leases();
    });
    services_.leases.restore(leases);
    if (services_.store.damaged()) co_await end_lost_jobs();
    std::map<Job*, db::Seconds> began;  // builds, commits and the like that the last process did not see the end of
    for (Restored& each : restored) {
        const std::string key = each.job.key;
        const rules::Profile* profile = rulebook_.find(each.job.profile);
        if (!profile) {  // closed by default
            log::warn("the profile of a job is gone from the rules: it goes on under `strict`",
                      {{"job", each.job.id}, {"profile", each.job.profile}});
            profile = rulebook_.find("strict");
        }
        auto made = make_job(std::move(each.job), *profile);
        Job& job = *made;
        job.objects.restore(std::move(each.objects));
        if (const db::Job& facts = job.facts; !facts.anchor.empty() || !facts.workspace.empty()) {
            rules::Result<rules::JobPaths> paths = rules::JobPaths();
            try {
                paths = co_await paths_of(key, facts.anchor, facts.workspace);
            } catch (const std::exception& failure) {  // one job's anchor keeps no other job from going on
                paths = tl::unexpected(rules::Error{500, failure.what()});
            }
            if (paths)
                job.objects.set_paths(*std::move(paths));
            else
                log::warn("the job's paths are not there any more", {{"job", facts.id}, {"error", paths.error().message}});
        }
        jobs_.emplace(key, std::move(made));
        for (const db::Object& object : job.objects.all(Kind::image))
            if (object.state == db::ObjectState::intended) began.try_emplace(&job, object.created);
        co_await make_cgroup_of(job);
        co_await reconcile(job);
    }
    // Before the first door is open again.
    co_await adopt_cut_builds(std::move(began));
    co_await restore_networks(std::move(leases));
    for (Job* each : all()) {
        Job& job = *each;
        const std::string key = job.facts.key;
        if (!serving) continue;
        if (job.open())
            open_door(job);
        else
            asio::co_spawn(services_.io, close_later(key), asio::detached);
        log::info("job restored", {{"job", job.facts.id}, {"key", key}, {"state", db::state_name(job.facts.state)}});
    }
    remove_old_pins();
}

/// The ledger does not say which jobs there are. Those of this daemon have their directories: they are over, and go by the names that they
/// gave on the engine.
Task<> Jobs::end_lost_jobs()
{
    log::error("no new jobs, and those that were open are ended", {{"why", damage_told()}});
    std::error_code ignored;
    for (const auto& each : std::filesystem::directory_iterator(runtime_dir_ / "jobs", ignored)) {
        db::Job facts;
        facts.key = facts.id = each.path().filename();
        facts.profile = "strict";
        facts.state = db::JobState::draining;
        facts.created = std::time(nullptr);
        if (facts.key.size() != rules::key_length) continue;
        co_await services_.store.write([facts](db::Ledger& ledger) { ledger.add(facts); });
        const std::string key = facts.key;
        jobs_.emplace(key, make_job(std::move(facts), *rulebook_.find("strict")));
    }
}

Task<> Jobs::reconcile(Job& job)
{
    for (const db::Object& each : job.objects.all()) {
        if (each.state != db::ObjectState::intended) continue;
        try {
            co_await reconcile(job, each);
        } catch (const std::exception& failure) {  // the next request by its name looks again, or the reap
            log::warn("what the last process was making is not known",
                      {{"job", job.facts.id}, {"kind", rules::kind_name(each.kind)}, {"name", each.name}, {"error", failure.what()}});
        }
    }
    try {
        co_await learn_gateway(job);
    } catch (const std::exception& failure) {
        log::warn("the gateway of a job is not known", {{"job", job.facts.id}, {"error", failure.what()}});
    }
}

/// The last process ended between the intent and the record: the engine says whether the object came to be.
Task<> Jobs::reconcile(Job& job, db::Object object)
{
    if (push_tag_of(object)) {  // a push that was cut off
        EngineCleanup remover(services_.engine, job.facts.key);
        const auto given_back = co_await remover.remove(object);
        if (given_back) co_await job.objects.gone(object.row);
        co_return;
    }
    const bool is_step =
        object.kind == Kind::image ? !rules::is_real_reference(job.facts.key, object.real) : object.kind == Kind::container && object.name.empty();
    if (is_step) co_return;  // of a build: the reap's
    const Answer answer = co_await services_.engine.inspect(object.kind, object.real);
    if (answer.status == 404) co_await job.objects.gone(object.row);
    if (!answer.ok()) co_return;
    auto there = object.kind != Kind::volume ? answer.read() : std::nullopt;
    if (!there && object.kind != Kind::volume) co_return;
    const std::string id = there ? there->value("Id", "") : object.real;
    if (object.kind == Kind::image && object.name.empty() && job.objects.by_id(Kind::image, id)) {
        // The row only held a build's base, and the job has the image under another row.
        co_await services_.images.untag(object.real);
        co_await job.objects.gone(object.row);
        co_return;
    }
    co_await job.objects.live(object.row, id);
    if (object.kind == Kind::container) co_await job.objects.adopt_volumes(id, *std::move(there));
}

Task<> Jobs::learn_gateway(Job& job)
{
    if (const db::SubnetLease* lease = services_.leases.find(job.facts.key, "bridge")) {
        if (const auto subnet = rules::parse_subnet(lease->subnet)) job.gateway = rules::gateway_of(*subnet);
    } else if (const auto network = job.objects.network("bridge")) {
        const Answer answer = co_await services_.engine.inspect(Kind::network, network->id);
        const Json::json_pointer at("/IPAM/Config/0/Gateway");
        if (const auto inspect = answer.ok() ? answer.read() : std::nullopt)
            if (inspect->contains(at) && inspect->at(at).is_string()) {
                const auto address = inspect->at(at).get<std::string>();
                job.gateway = address.substr(0, address.find('/'));
            }
    }
}

/// The last process ended amid builds of these jobs: what the engine made of them since, and nobody wrote down, is noted. At most the step
/// that was then under way is still to come. Any image without a name that grew meanwhile from one that the job may use is taken for such
/// a step: only a build of the host's own, from the same base and in those very moments, could look the same.
Task<> Jobs::adopt_cut_builds(std::map<Job*, db::Seconds> began)
{
    constexpr int listings_max = 7;
    for (int listing = 0, same = 0; listing < listings_max && same < 2 && !began.empty(); ++listing) {
        if (listing > 0) co_await pause(300ms);
        bool more = false;
        for (const auto& [job, since] : began) {
            try {
                if (co_await adopt_cut_builds(*job, since)) more = true;
            } catch (const std::exception& failure) {
                log::warn("the builds that were cut off cannot be looked up", {{"job", job->facts.id}, {"error", failure.what()}});
            }
        }
        same = more ? 0 : same + 1;
    }
}

/// Those of one job. True when there was something new.
Task<bool> Jobs::adopt_cut_builds(Job& job, db::Seconds since)
{
    std::vector<db::Object> images = job.objects.all(Kind::image);
    std::set<std::string> known;
    for (db::Object& each : images) {
        known.insert(each.real);
        each.created = since;
    }
    EngineCleanup remover(services_.engine, job.facts.key);
    const auto grown = co_await remover.descendants(images);
    if (!grown) {
        log::warn("the builds that were cut off cannot be looked up", {{"job", job.facts.id}, {"error", grown.error().message}});
        co_return false;
    }
    bool more = false;
    for (db::Object step : *grown) {
        if (!known.insert(step.real).second) continue;
        step.id.clear();
        step.created = since;
        co_await job.objects.intend(std::move(step));
        more = true;
    }
    co_return more;
}

/// Gives back the subnets of networks that were never made, and installs the packet rules of the others again.
Task<> Jobs::restore_networks(std::vector<db::SubnetLease> leases)
{
    std::vector<rules::GuardedNetwork> guarded;
    for (const db::SubnetLease& each : leases) {
        const auto job = jobs_.find(each.job);
        const bool made = job != jobs_.end() && job->second->objects.named(Kind::network, each.network);
        if (made)
            guarded.push_back(job->second->guarded(each));
        else if (job == jobs_.end() || each.network != "bridge")
            services_.leases.give_back(each.job, each.network);
    }
    co_await services_.firewall.restore(std::move(guarded));
}

/// Of jobs that ended without us.
void Jobs::remove_old_pins() const
{
    std::error_code ignored;
    for (const auto& each : std::filesystem::directory_iterator(runtime_dir_ / "pins", ignored))
        if (!jobs_.contains(each.path().filename())) unpin_all(each.path());
}

}  // namespace broker
