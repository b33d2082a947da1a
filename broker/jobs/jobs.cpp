#include "broker/jobs/jobs.h"

#include <sys/resource.h>

#include <limits>

#include "broker/io/offload.h"
#include "broker/io/log.h"
#include "broker/network/firewall.h"
#include "cleanup/parallel.h"
#include "rules/policy/endpoint_policy.h"

namespace broker {
namespace {

using rules::Json;

/// Descriptors that are kept for administration, reaps, the ledger and the doors of jobs to come. The others are for connections, three for
/// each: its own, the one to the engine, and a duplicate that tells when the client has gone.
constexpr std::size_t descriptors_kept = 64;
constexpr std::size_t descriptors_each = 3;

std::size_t connections_most()
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<std::size_t>::max();
    return limit.rlim_cur <= descriptors_kept ? 1 : (static_cast<std::size_t>(limit.rlim_cur) - descriptors_kept) / descriptors_each;
}

}  // namespace

Jobs::Jobs(Services services, Serve serve, std::filesystem::path runtime_dir, std::vector<std::string> own_paths, std::filesystem::path rules_path,
           rules::Rulebook rulebook)
    : services_(services),
      serve_(std::move(serve)),
      runtime_dir_(std::move(runtime_dir)),
      own_paths_(std::move(own_paths)),
      rules_path_(std::move(rules_path)),
      rulebook_(std::move(rulebook)),
      connections_most_(connections_most())
{
    own_paths_.push_back(runtime_dir_);
}

Task<rules::Result<void>> Jobs::reload_rules()
{
    rules::Result<rules::Rulebook> read = rules::bad_request({});
    const auto reading = [&] { read = read_rulebook(rules_path_); };
    co_await offload(reading);
    if (!read) {
        log::error("the rules are not changed", {{"path", rules_path_.string()}, {"error", read.error().message}});
        co_return tl::unexpected(read.error());
    }
    rulebook_ = *std::move(read);
    log::info("rules read", {{"path", rules_path_.string()}, {"profiles", rulebook_.profiles.size()}});
    co_return rules::Result<void>();
}

std::string Jobs::answer_headers_of(const rules::Profile& profile) const
{
    return "Api-Version: " + rules::to_string(rules::versions_under(services_.engine.versions(), profile).newest) + "\r\n" +
           "Docker-Experimental: false\r\nOstype: linux\r\nServer: Docker/" + services_.engine.server_version() + " (linux)\r\n";
}

std::unique_ptr<Job> Jobs::make_job(db::Job facts, const rules::Profile& profile)
{
    const std::string key = facts.key;
    auto job = std::make_unique<Job>(std::move(facts), profile, directory_of(key), pins_of(key), services_.store, next_row_);
    job->answer_headers = answer_headers_of(job->profile);
    return job;
}

bool Jobs::is_crowded(const Job& newcomer)
{
    std::size_t sum = 0;
    for (const auto& [key, job] : jobs_) sum += job->connections.size();
    // No job may have more connections than are still free: however many jobs are greedy, some are left for the next.
    if (sum < connections_most_ && newcomer.connections.size() < connections_most_ - sum) return false;
    if (Clock::now() > crowd_told_ + 10s) {
        crowd_told_ = Clock::now();
        log::warn("connections are turned away: raise the limit of open files", {{"connections", sum}});
    }
    return true;
}

Task<> Jobs::listen(Job& job)
{
    Acceptor& acceptor = *job.acceptor;
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(use_task_tuple);
        if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
        if (error) {
            log::warn("accept failed", {{"job", job.facts.id}, {"error", error.message()}});
            co_await pause(100ms);  // out of descriptors: let some connections end
            continue;
        }
        admit(std::make_unique<SocketTransport>(Socket(std::move(socket))), {job, Right::door});
    }
}

void Jobs::admit(std::unique_ptr<Transport> transport, Caller caller)
{
    const Job& job = caller.job;
    if (job.connections.size() >= static_cast<std::size_t>(job.profile.job_connections)) return;  // its destructor closes the transport
    if (is_crowded(job)) return;
    asio::co_spawn(services_.io, serve_(std::move(transport), caller), asio::detached);
}

Task<bool> Jobs::write_or_log(db::Store::Work work)
{
    try {
        co_await services_.store.write(std::move(work));
        co_return true;
    } catch (const db::Failure& failure) {
        log::error("ledger", {{"error", failure.what()}});
        co_return false;
    }
}

std::string Jobs::damage_told() const
{
    return "the ledger is damaged (" + services_.store.trouble() +
           "). Stop berth, move berth.db* of its state directory away and start it again: it begins a new ledger. "
           "Then `berth cleanup --orphans` removes what is left of jobs that are not in it";
}

Job* Jobs::find(std::string_view id_or_key)
{
    for (const auto& [key, job] : jobs_)
        if (key == id_or_key || job->facts.id == id_or_key) return job.get();
    return nullptr;
}

std::vector<Job*> Jobs::all()
{
    std::vector<Job*> list;
    for (const auto& [key, job] : jobs_) list.push_back(job.get());
    std::ranges::sort(list, {}, [](const Job* job) { return std::pair(job->facts.created, job->facts.id); });
    return list;
}

std::vector<std::string> Jobs::keys() const
{
    std::vector<std::string> list;
    for (const auto& [key, job] : jobs_) list.push_back(key);
    return list;
}

Task<> Jobs::stop(Clock::duration limit)
{
    const std::vector<Job*> jobs = all();
    const auto stop_one = [&](std::size_t at) -> Task<> {
        Job& job = *jobs[at];
        const Closing closing(job);
        co_await drain(job, limit);
        std::error_code ignored;
        if (!job.door_kept) std::filesystem::remove(job.door(), ignored);
    };
    co_await cleanup::side_by_side(jobs.size(), jobs.size(), stop_one);
}

bool Jobs::quiet() const
{
    const auto at_rest = [](const Job& job) { return job.connections.empty() && job.close_waiters == 0; };
    return std::ranges::all_of(jobs_, [&](const auto& each) { return at_rest(*each.second); }) &&
           std::ranges::all_of(retired_, [&](const auto& each) { return at_rest(*each); });
}

Json json_of(const Firewall& firewall)
{
    return {{"enforced", firewall.problem().empty()}, {"problem", firewall.problem()}, {"table", firewall.table()}};
}

Json json_of(const Job& job, const Firewall& firewall)
{
    Json objects = {{"container", 0}, {"network", 0}, {"volume", 0}, {"image", 0}};
    for (const db::Object& each : job.objects.all())
        if (const auto count = objects.find(std::string(rules::kind_name(each.kind))); count != objects.end()) *count = count->get<int>() + 1;
    Json json = {{"id", job.facts.id},
                 {"key", job.facts.key},
                 {"state", db::state_name(job.facts.state)},
                 {"profile", job.profile.name},
                 {"mode", job.profile.mode},
                 {"observed", job.meter.observed},
                 {"door", job.door().string()},
                 {"dir", job.directory.string()},
                 {"address", job.address()},
                 {"isolation", json_of(firewall)},
                 {"anchor", job.facts.anchor},
                 {"workspace", job.facts.workspace},
                 {"created", job.facts.created},
                 {"labels", job.facts.labels},
                 {"objects", std::move(objects)},
                 {"connections", job.connections.size()},
                 {"requests", job.meter.requests},
                 {"refusals", job.meter.refusals},
                 {"text_bytes", job.meter.text_bytes}};
    return json;
}

}  // namespace broker
