#include <ctime>

#include "broker/engine/anchor.h"
#include "broker/engine/redaction.h"
#include "broker/host/beneath.h"
#include "broker/host/door.h"
#include "broker/host/systemd.h"
#include "broker/io/offload.h"
#include "broker/io/log.h"
#include "broker/io/random.h"
#include "broker/jobs/job_paths.h"
#include "broker/jobs/jobs.h"
#include "broker/jobs/subnet_leases.h"
#include "broker/network/firewall.h"
#include "rules/names/names.h"

// How a job begins: what it is to have is looked at, recorded, and its door opened.
namespace broker {
namespace {

using rules::Json;
using rules::Op;

bool is_job_id(std::string_view id)
{
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@";
    return !id.empty() && id.size() <= 128 && id.find_first_not_of(plain) == id.npos;
}

}  // namespace

Task<rules::Result<rules::JobPaths>> Jobs::paths_of(std::string key, std::string anchor, std::string workspace)
{
    const std::vector<std::string> closed = co_await private_paths(services_.engine, own_paths_);
    if (!anchor.empty()) co_return co_await paths_of_anchor(services_.engine, std::move(anchor), closed);
    co_return paths_of_workspace(workspace, closed, pins_of(key), services_.engine.address());
}

Task<> Jobs::make_cgroup_of(Job& job)
{
    if (!limits_job(job.profile)) co_return;
    const EngineRequest request{.op = Op::system_info};
    const Answer answer = co_await services_.engine.call(request);
    if (!answer.ok()) throw failure_of("info", answer);
    const Json info = answer.json();
    cgroups_ = {info.value("CgroupDriver", ""), info.value("CgroupVersion", "1")};
    job.cgroup = cgroup_of(cgroups_, job.facts.key);
    const auto make = [&] { make_cgroup(cgroups_, job.facts.key, job.profile); };
    co_await offload(make);
}

void Jobs::open_door(Job& job)
{
    OpenedDoor door = broker::open_door(services_.io.get_executor(), job.door(), job.facts.key, services_.supervisor);
    job.acceptor.emplace(std::move(door.acceptor));
    job.door_kept = door.kept;
    asio::co_spawn(services_.io, listen(job), asio::detached);
}

Task<db::Job> Jobs::facts_of(std::string key, const OpenRequest& request, const rules::Profile& profile, const rules::JobPaths& paths)
{
    db::Job facts;
    facts.key = std::move(key);
    facts.id = request.id;
    facts.profile = request.profile;
    facts.labels = request.labels;
    facts.anchor = paths.anchor;
    facts.workspace = request.anchor.empty() && paths.mounts.empty() ? std::string() : request.workspace;
    facts.created = std::time(nullptr);
    facts.lease = request.lease.count();
    const auto end_within = [&facts](db::Seconds deadline) { facts.deadline = facts.deadline > 0 ? std::min(facts.deadline, deadline) : deadline; };
    if (request.time_to_live.count() > 0) end_within(facts.created + request.time_to_live.count());
    if (profile.job_time > 0) end_within(facts.created + profile.job_time);
    if (!facts.anchor.empty())
        if (const db::Seconds given_up = co_await deadline_of_anchor(services_.engine, facts.anchor, facts.created); given_up > 0)
            end_within(given_up);
    co_return facts;
}

void Jobs::abandon(Job& job)
{
    const std::string key = job.facts.key;
    services_.store.enqueue([key](db::Ledger& ledger) { ledger.set_state(key, db::JobState::closed, std::time(nullptr)); });
    try {
        if (!job.cgroup.empty()) remove_cgroup(cgroups_, key);
    } catch (const std::exception& failure) {
        log::warn("the cgroup of a job that was not opened is left", {{"key", key}, {"error", failure.what()}});
    }
    services_.supervisor.drop(fdstore_name(key));
    jobs_.erase(key);
    unpin_all(pins_of(key));
}

Task<rules::Result<Job*>> Jobs::open(OpenRequest request)
{
    const std::string key = random_text(rules::key_length);  // 130 bits
    const auto job_paths = [&]() -> Task<rules::Result<rules::JobPaths>> {
        if (request.anchor.empty() && request.workspace.empty()) co_return rules::JobPaths();
        rules::Result<rules::JobPaths> paths = co_await paths_of(key, request.anchor, request.workspace);
        if (!paths && request.anchor.empty() && !request.workspace_wanted) co_return rules::JobPaths();
        co_return paths;
    };
    if (services_.store.damaged()) co_return tl::unexpected(rules::Error{503, "no job can be opened: " + damage_told()});
    if (request.id.empty()) request.id = "job-" + key.substr(0, 8);
    if (!is_job_id(request.id)) co_return rules::bad_request("a job id has 1 to 128 letters, digits and ._-/:@");
    if (request.profile.empty()) request.profile = rulebook_.selected(request.labels);
    const rules::Profile* known = rulebook_.find(request.profile);
    if (!known) co_return rules::not_found("there is no profile " + request.profile);
    const rules::Profile profile = *known;  // the rules may be read again meanwhile
    if (const Job* there = find(request.id))
        co_return rules::conflict("a job " + request.id + " is " + std::string(db::state_name(there->facts.state)) + " already: close it first");

    rules::Result<rules::JobPaths> paths = co_await job_paths();
    if (!paths) co_return tl::unexpected(paths.error());
    const db::Job facts = co_await facts_of(key, request, profile, *paths);
    if (find(request.id)) co_return rules::conflict("a job " + request.id + " was opened meanwhile");  // from here on nothing is waited for
    if (profile.isolation_required && !services_.firewall.problem().empty())
        co_return tl::unexpected(rules::Error{
            503, "the profile " + request.profile + " requires that jobs are kept apart on the network: " + services_.firewall.problem()});

    auto job = make_job(facts, profile);
    Job& opened = *job;
    opened.objects.set_paths(*std::move(paths));
    jobs_.emplace(key, std::move(job));  // the id is taken from here on
    std::optional<rules::Error> failed;
    try {
        co_await services_.store.write([facts](db::Ledger& ledger) { ledger.add(facts); });
        co_await make_cgroup_of(opened);
        open_door(opened);
    } catch (const std::exception& failure) {
        log::error("job not opened", {{"job", facts.id}, {"error", failure.what()}});
        failed = rules::Error{503, std::string("the job cannot be opened: ") + failure.what()};
    }
    if (failed) {
        abandon(opened);
        co_return tl::unexpected(*failed);
    }
    {
        const Closing staying(opened);  // somebody may close it meanwhile
        co_await lease_address(opened);
        if (!opened.open()) services_.leases.give_back_all(key);
    }
    log::info("job opened", {{"job", facts.id}, {"key", key}, {"profile", facts.profile}});
    co_return &opened;
}

/// The default network is made when it is needed; its address is known from the start, so that `berth run` can tell it to its command.
Task<> Jobs::lease_address(Job& job)
{
    const std::string key = job.facts.key;
    try {
        const auto lease = co_await services_.leases.take(key, "bridge");
        if (lease)
            job.gateway = rules::gateway_of(*rules::parse_subnet(lease->subnet));
        else
            log::warn("no address for the job yet", {{"job", job.facts.id}, {"error", lease.error().message}});
    } catch (const std::exception& failure) {
        log::warn("no address for the job yet", {{"job", job.facts.id}, {"error", failure.what()}});
    }
}

}  // namespace broker
