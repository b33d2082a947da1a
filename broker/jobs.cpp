#include "broker/jobs.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <ctime>
#include <limits>
#include <set>

#include "broker/anchor.h"
#include "broker/beneath.h"
#include "broker/archive.h"
#include "broker/door.h"
#include "broker/exchange.h"
#include "broker/firewall.h"
#include "broker/images.h"
#include "broker/leases.h"
#include "broker/log.h"
#include "broker/notify.h"
#include "broker/paths.h"
#include "broker/random.h"
#include "broker/remover.h"
#include "broker/shims.h"
#include "rules/endpoint_policy.h"
#include "rules/image_names.h"
#include "rules/names.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// Of the process's descriptors: for administration, reaps, the ledger and the doors of jobs that are still to come. The others are for
/// connections, each of which has one to the engine.
constexpr std::size_t descriptors_kept = 64;

std::size_t connections_most()
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<std::size_t>::max();
    return limit.rlim_cur <= descriptors_kept ? 1 : (static_cast<std::size_t>(limit.rlim_cur) - descriptors_kept) / 2;
}

constexpr auto retry_after = 15s;  ///< of a close that left something, or broke off

bool is_job_id(std::string_view id)
{
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@";
    return !id.empty() && id.size() <= 128 && id.find_first_not_of(plain) == id.npos;
}

/// Keeps a job that is being closed from going away under those who wait to close it too.
class Closing {
public:
    explicit Closing(Job& job) : job_(job) { ++job_.closers; }
    Closing(const Closing&) = delete;
    Closing& operator=(const Closing&) = delete;
    ~Closing() { --job_.closers; }

private:
    Job& job_;
};

}  // namespace

Jobs::Jobs(Services services, std::filesystem::path runtime_dir, std::vector<std::string> own_paths, std::filesystem::path rules_path,
           rules::Rulebook rulebook)
    : services_(services), runtime_dir_(std::move(runtime_dir)), own_paths_(std::move(own_paths)), rules_path_(std::move(rules_path)), rulebook_(std::move(rulebook)), connections_most_(connections_most())
{
    own_paths_.push_back(runtime_dir_);
}

Task<rules::Result<rules::JobPaths>> Jobs::paths_of(std::string key, std::string anchor, std::string workspace)
{
    const std::vector<std::string> closed = co_await private_paths(services_.engine, own_paths_);
    if (!anchor.empty()) co_return co_await paths_of_anchor(services_.engine, std::move(anchor), closed);
    co_return paths_of_workspace(workspace, closed, pins_of(key), services_.engine.address());
}

Task<rules::Result<void>> Jobs::reload_rules()
{
    rules::Result<rules::Rulebook> read = rules::bad_request({});
    const auto reading = [&] { read = read_rulebook(rules_path_); };
    co_await aside(reading);
    if (!read) {
        log::error("the rules are not changed", {{"path", rules_path_.string()}, {"error", read.error().message}});
        co_return tl::unexpected(read.error());
    }
    rulebook_ = *std::move(read);
    log::info("rules read", {{"path", rules_path_.string()}, {"profiles", rulebook_.profiles.size()}});
    co_return rules::Result<void>();
}

std::string Jobs::identity_of(const rules::Profile& profile) const
{
    return "Api-Version: " + rules::to_string(rules::versions_under(services_.engine.versions(), profile).newest) + "\r\n" +
           "Docker-Experimental: false\r\nOstype: linux\r\nServer: Docker/" + services_.engine.server_version() + " (linux)\r\n";
}

std::unique_ptr<Job> Jobs::make_job(db::Job facts, const rules::Profile& profile)
{
    const std::string key = facts.key;
    auto job = std::make_unique<Job>(std::move(facts), profile, directory_of(key), pins_of(key), services_.store, next_row_);
    job->identity = identity_of(job->profile);
    return job;
}

Task<> Jobs::limit(Job& job)
{
    if (!limits_job(job.profile)) co_return;
    const EngineRequest request{.op = Op::system_info};
    const Answer answer = co_await services_.engine.call(request);
    if (!answer.ok()) throw EngineFailure("info: " + answer.message());
    const Json info = answer.json();
    cgroups_ = {info.value("CgroupDriver", ""), info.value("CgroupVersion", "1")};
    job.cgroup = cgroup_of(cgroups_, job.facts.key);
    const auto make = [&] { make_cgroup(cgroups_, job.facts.key, job.profile); };
    co_await aside(make);
}

Task<bool> Jobs::remove_limits(Job& job)
{
    bool gone = true;
    if (job.cgroup.empty()) co_return gone;
    const auto remove = [&] { gone = remove_cgroup(cgroups_, job.facts.key); };
    for (int tries = 0; tries < 50; ++tries) {  // the kernel lets go of a process that has ended a moment later
        if (tries > 0) co_await pause(100ms);
        co_await aside(remove);
        if (gone) break;
    }
    co_return gone;
}

Task<> Jobs::end_processes(const Job& job, std::set<std::string> containers)
{
    try {  // those too that went in the meantime: an engine that starts removes what was to remove itself
        containers.merge(co_await services_.store.read<std::set<std::string>>([key = job.facts.key](db::Ledger& ledger) { return ledger.containers(key); }));
    } catch (const db::Failure& failure) {
        log::warn("the ledger does not tell the containers of a job", {{"job", job.facts.id}, {"error", failure.what()}});
    }
    std::vector<Shim> running;
    if (!job.survivors.empty()) co_await aside([&running] { running = shims(); });
    for (const Shim& each : running) {
        if (!job.survivors.contains(each.container)) continue;
        const EngineRequest inspect{.op = Op::container_inspect, .id = each.container};
        const Answer answer = co_await services_.engine.call(inspect);
        if (answer.status == 404) containers.insert(each.container);  // nobody's any more: a step of a build
    }
    if (const int killed = co_await end_shims(std::move(containers)); killed > 0)
        log::warn("processes were left of containers that the engine has forgotten", {{"job", job.facts.id}, {"killed", killed}});
}

/// Of jobs that ended without us.
void Jobs::remove_old_pins() const
{
    std::error_code ignored;
    for (const auto& each : std::filesystem::directory_iterator(runtime_dir_ / "pins", ignored))
        if (!jobs_.contains(each.path().filename())) unpin_all(each.path());
}

void Jobs::open_door(Job& job)
{
    OpenedDoor door = broker::open_door(services_.io.get_executor(), job.door(), job.facts.key, services_.supervisor);
    job.acceptor.emplace(std::move(door.acceptor));
    job.door_kept = door.kept;
    asio::co_spawn(services_.io, listen(job), asio::detached);
}

bool Jobs::is_crowded()
{
    std::size_t sum = 0;
    for (const auto& [key, job] : jobs_) sum += job->connections.size();
    if (sum < connections_most_) return false;
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
        if (job.connections.size() >= static_cast<std::size_t>(job.profile.job_connections)) continue;  // the socket's destructor closes it
        if (is_crowded()) continue;
        asio::co_spawn(services_.io, serve_job(Socket(std::move(socket)), job, services_), asio::detached);
    }
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
    if (services_.store.damaged()) co_return tl::unexpected(rules::Error{503, "no job can be opened: " + damage_told(), {}, {}, {}});
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
    if (find(request.id)) co_return rules::conflict("a job " + request.id + " was opened meanwhile");
    if (profile.isolation_required && !services_.firewall.problem().empty())
        co_return tl::unexpected(rules::Error{503, "the profile " + request.profile + " requires that jobs are kept apart on the network: " + services_.firewall.problem(), {}, {}, {}});

    db::Job facts;
    facts.key = key;
    facts.id = request.id;
    facts.profile = request.profile;
    facts.labels = request.labels;
    facts.anchor = paths->anchor;
    facts.workspace = request.anchor.empty() && paths->mounts.empty() ? std::string() : request.workspace;
    facts.created = std::time(nullptr);
    if (request.time_to_live.count() > 0) facts.deadline = facts.created + request.time_to_live.count();
    facts.lease = request.lease.count();
    if (const auto limit = profile.job_time; limit > 0) facts.deadline = facts.created + (request.time_to_live.count() > 0 ? std::min<std::int64_t>(request.time_to_live.count(), limit) : limit);
    if (!facts.anchor.empty())
        if (const db::Seconds given_up = co_await deadline_of_anchor(services_.engine, facts.anchor, facts.created); given_up > 0)
            facts.deadline = facts.deadline > 0 ? std::min(facts.deadline, given_up) : given_up;
    auto job = make_job(facts, profile);
    Job& opened = *job;
    opened.objects.set_paths(*std::move(paths));
    jobs_.emplace(key, std::move(job));  // the id is taken from here on
    std::optional<rules::Error> failed;
    try {
        co_await services_.store.write([facts](db::Ledger& ledger) { ledger.add(facts); });
        co_await limit(opened);
        open_door(opened);
    } catch (const std::exception& failure) {
        log::error("job not opened", {{"job", facts.id}, {"error", failure.what()}});
        failed = rules::Error{503, std::string("the job cannot be opened: ") + failure.what(), {}, {}, {}};
    }
    if (failed) {
        services_.store.enqueue([key](db::Ledger& ledger) { ledger.set_state(key, db::JobState::closed, std::time(nullptr)); });
        try {
            if (!opened.cgroup.empty()) remove_cgroup(cgroups_, key);
        } catch (const std::exception& failure) {
            log::warn("the cgroup of a job that was not opened is left", {{"key", key}, {"error", failure.what()}});
        }
        services_.supervisor.drop(kept_name(key));
        jobs_.erase(key);
        unpin_all(pins_of(key));
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

Task<> Jobs::drain(Job& job, Clock::duration limit)
{
    error_code ignored;
    if (job.acceptor) job.acceptor->close(ignored);
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
    const std::string key = job.facts.key;
    const Closing closing(job);
    const auto turn = co_await job.removal.hold();
    if (!find(key)) {  // another close has just finished
        cleanup::Report report;
        report.proven = true;
        co_return report;
    }
    try {
        co_return co_await reap(job, limit);
    } catch (const std::exception& failure) {
        log::error("a job was not ended", {{"job", job.facts.id}, {"error", failure.what()}});
        job.retry = Clock::now() + retry_after;
        throw;
    }
}

Task<cleanup::Report> Jobs::reap(Job& job, std::chrono::seconds limit)
{
    const std::string key = job.facts.key;
    const std::int64_t started = std::time(nullptr);
    const auto begun = Clock::now();
    job.facts.state = db::JobState::draining;
    // A ledger that cannot be written keeps nothing from going: what goes makes room.
    co_await note([key, started](db::Ledger& ledger) { ledger.set_state(key, db::JobState::draining, started); });
    services_.supervisor.drop(kept_name(key));  // else who connects now would wait for the next process
    co_await drain(job, limit);

    if (const auto network = job.objects.network("bridge"); network && !job.facts.anchor.empty())
        co_await part_anchor(services_.engine, job.facts.anchor, network->id);
    Remover remover(services_.engine, key);
    const std::vector<db::Object> images = job.objects.all(Kind::image);
    if (job.profile.image_cache == "built") co_await keep_built(job);
    std::vector<db::Object> objects = job.objects.all();
    std::set<std::string> containers;
    for (const db::Object& each : objects)
        if (each.kind == Kind::container && !each.id.empty()) containers.insert(each.id);
    cleanup::Report report = co_await cleanup::reap(key, std::move(objects), remover, services_.store);
    report.kept -= co_await leave_cache(images, job.profile.image_cache);

    // What the engine is still making will be removed by whoever asked for it, once the engine has answered.
    for (const Connection& each : job.connections)
        if (each.making) report.left.push_back({db::Object{}, "a request of the job is still under way at the engine"});

    if (report.clean()) co_await end_processes(job, std::move(containers));
    if (report.clean() && !co_await remove_limits(job)) report.left.push_back({db::Object{}, "processes are left in the job's cgroup"});

    Json detail = Json::object();
    for (const auto& [kind, count] : report.removed) detail["removed"][std::string(rules::kind_name(kind))] = count;
    for (const cleanup::Left& each : report.left) {
        detail["left"].push_back({{"kind", rules::kind_name(each.object.kind)}, {"name", each.object.name}, {"id", each.object.id}, {"error", each.error}});
        log::warn("not removed", {{"job", job.facts.id}, {"kind", rules::kind_name(each.object.kind)}, {"name", each.object.name}, {"error", each.error}});
    }
    const db::Reap told{key, started, std::time(nullptr), report.removed_in_all(), static_cast<std::int64_t>(report.left.size()), detail.dump()};
    bool clean = report.clean();
    const bool noted = co_await note([key, told, clean](db::Ledger& ledger) {
        ledger.add(told);
        if (!clean) return;
        ledger.set_state(key, db::JobState::closed, told.finished);
        ledger.end_leases(key);
    });
    if (!noted) report.left.push_back({db::Object{}, "the ledger cannot be written: that the job is over is recorded later"});
    clean = clean && noted;
    if (clean) {
        services_.leases.give_back_all(key);
        co_await services_.firewall.release_job(key);
    }
    log::info("job reaped", {{"job", job.facts.id}, {"removed", report.removed_in_all()}, {"left", report.left.size()}, {"proven", report.proven ? "yes" : "no"},
                             {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count()}});
    if (clean) {
        job.facts.state = db::JobState::closed;
        std::error_code ignored;
        std::filesystem::remove_all(job.directory, ignored);
        unpin_all(job.pins_directory);
        auto node = jobs_.extract(key);
        retired_.push_back(std::move(node.mapped()));
    } else {
        // What went is forgotten; what is left waits for the next close.
        job.retry = Clock::now() + retry_after;
        std::vector<db::Object> left;
        for (const cleanup::Left& each : report.left) left.push_back(each.object);
        for (const db::Object& each : job.objects.all())
            if (std::ranges::none_of(left, [&](const db::Object& one) { return one.row == each.row; })) job.objects.forget(each.row);
    }
    co_return report;
}

Task<bool> Jobs::note(db::Store::Work work)
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
    return "the ledger is damaged (" + services_.store.trouble() + "). Stop berth, move berth.db* of its state directory away and start it again: it begins a new ledger. "
           "Then `berth cleanup --orphans` removes what is left of jobs that are not in it";
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

Task<> Jobs::reconcile(Job& job)
{
    for (const db::Object& each : job.objects.all()) {
        if (each.state != db::ObjectState::intended) continue;
        if (each.kind == Kind::image && !rules::is_real_reference(job.facts.key, each.real)) continue;  // a build's step: the reap's
        // The last process ended between the intent and the record: the engine says whether the object came to be.
        const Op op = each.kind == Kind::container ? Op::container_inspect
                      : each.kind == Kind::network ? Op::network_inspect
                      : each.kind == Kind::volume  ? Op::volume_inspect
                                                   : Op::image_inspect;
        const EngineRequest request{.op = op, .id = each.real};
        const Answer answer = co_await services_.engine.call(request);
        if (answer.ok())
            co_await job.objects.live(each.row, each.kind == Kind::volume ? each.real : answer.json().value("Id", ""));
        else if (answer.status == 404)
            co_await job.objects.gone(each.row);
    }
    if (const db::Lease* lease = services_.leases.find(job.facts.key, "bridge")) {
        if (const auto subnet = rules::parse_subnet(lease->subnet)) job.gateway = rules::gateway_of(*subnet);
    } else if (const auto network = job.objects.network("bridge")) {
        const EngineRequest request{.op = Op::network_inspect, .id = network->id};
        const Answer answer = co_await services_.engine.call(request);
        const Json::json_pointer at("/IPAM/Config/0/Gateway");
        if (answer.ok())
            if (const Json inspect = answer.json(); inspect.contains(at) && inspect.at(at).is_string()) {
                const auto address = inspect.at(at).get<std::string>();
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
            std::vector<db::Object> images = job->objects.all(Kind::image);
            std::set<std::string> known;
            for (db::Object& each : images) {
                known.insert(each.real);
                each.created = since;
            }
            Remover remover(services_.engine, job->facts.key);
            const auto grown = co_await remover.grown(images);
            if (!grown) {
                log::warn("the builds that were cut off cannot be looked up", {{"job", job->facts.id}, {"error", grown.error().message}});
                continue;
            }
            for (db::Object step : *grown) {
                if (!known.insert(step.real).second) continue;
                step.id.clear();
                step.created = since;
                co_await job->objects.intend(std::move(step));
                more = true;
            }
        }
        same = more ? 0 : same + 1;
    }
}

Task<> Jobs::restore(bool serving)
{
    struct Restored {
        db::Job job;
        std::vector<db::Object> objects;
    };
    std::vector<Restored> restored;
    std::vector<db::Lease> leases;
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
            log::warn("the profile of a job is gone from the rules: it goes on under `strict`", {{"job", each.job.id}, {"profile", each.job.profile}});
            profile = rulebook_.find("strict");
        }
        auto made = make_job(std::move(each.job), *profile);
        Job& job = *made;
        job.objects.restore(std::move(each.objects));
        if (const db::Job& facts = job.facts; !facts.anchor.empty() || !facts.workspace.empty()) {
            rules::Result<rules::JobPaths> paths = co_await paths_of(key, facts.anchor, facts.workspace);
            if (paths)
                job.objects.set_paths(*std::move(paths));
            else
                log::warn("the job's paths are not there any more", {{"job", facts.id}, {"error", paths.error().message}});
        }
        jobs_.emplace(key, std::move(made));
        for (const db::Object& object : job.objects.all(Kind::image))
            if (object.state == db::ObjectState::intended) began.try_emplace(&job, object.created);
        co_await limit(job);
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

/// Leases of networks that never came to be are given back, the rules of the others stand again.
Task<> Jobs::restore_networks(std::vector<db::Lease> leases)
{
    std::vector<rules::GuardedNetwork> guarded;
    for (const db::Lease& each : leases) {
        const auto job = jobs_.find(each.job);
        const bool made = job != jobs_.end() && job->second->objects.named(Kind::network, each.network);
        if (made)
            guarded.push_back(job->second->guarded(each));
        else if (job == jobs_.end() || each.network != "bridge")
            services_.leases.give_back(each.job, each.network);
    }
    co_await services_.firewall.restore(std::move(guarded));
}

Task<> Jobs::stop(Clock::duration limit)
{
    const auto deadline = Clock::now() + limit;
    for (Job* job : all()) {
        co_await drain(*job, std::max(Clock::duration::zero(), deadline - Clock::now()));
        std::error_code ignored;
        if (!job->door_kept) std::filesystem::remove(job->door(), ignored);
    }
}

bool Jobs::quiet() const
{
    const auto at_rest = [](const Job& job) { return job.connections.empty() && job.closers == 0; };
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
                 {"observed", job.observed},
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
                 {"requests", job.requests},
                 {"refusals", job.refusals}};
    return json;
}

}  // namespace broker
