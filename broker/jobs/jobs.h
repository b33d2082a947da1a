#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "broker/host/cgroups.h"
#include "broker/jobs/caller.h"
#include "broker/jobs/job.h"
#include "broker/jobs/rulebook.h"
#include "broker/jobs/services.h"
#include "cleanup/sweep.h"

namespace broker {

struct OpenRequest {
    std::string id;  ///< empty: one is made up
    std::string profile = {};  ///< empty: by its labels
    std::map<std::string, std::string> labels = {};
    std::string anchor = {};     ///< the job's own container, by name or id
    std::string workspace = {};  ///< directory of the host
    bool workspace_wanted = true;  ///< false: one that cannot be given to containers is no error
    std::chrono::seconds time_to_live{0};  ///< 0: none
    std::chrono::seconds lease{0};         ///< 0: none; else the job ends when it was not renewed or held for so long
};

/// The end of a job that is under way. Whoever closes the job meanwhile waits for this one.
struct Ending {
    explicit Ending(Executor executor) : over(executor, Clock::time_point::max()) {}

    Timer over;  ///< waited for until it is cancelled
    std::optional<cleanup::Report> report = {};  ///< once it is over, unless it broke off
    std::exception_ptr failure = {};             ///< why it broke off

    bool is_over() const { return report || failure; }
};

/// The open jobs: opens their doors, serves them, ends them.
class Jobs {
public:
    /// Serves one connection of a caller's until it closes.
    using Serve = std::function<Task<>(std::unique_ptr<Transport>, Caller)>;

    /// `own_paths`: directories of berth's own, besides the runtime directory.
    Jobs(Services services, Serve serve, std::filesystem::path runtime_dir, std::vector<std::string> own_paths, std::filesystem::path rules_path,
         rules::Rulebook rulebook);

    /// Takes up what the ledger says was open when the last process ended: intended objects are looked up on the engine, doors are opened
    /// again, jobs that were ending are ended; without `serving` neither.
    Task<> restore(bool serving);

    Task<rules::Result<Job*>> open(OpenRequest request);

    /// Stops admitting, cuts the job's streams, lets what is being made finish for at most half of `limit`, removes everything and proves
    /// it. When that takes longer than `limit`, whatever hangs, the report says what is not gone yet, and the end goes on.
    /// The job stays `draining` when something could not be removed; closing it again tries again, as berth itself does after a moment.
    Task<rules::Result<cleanup::Report>> close(std::string id, std::chrono::seconds limit);

    /// Ends what should have ended, removes what is left of jobs that are over, forgets jobs that ended long ago, and collects the cache of
    /// images; of jobs that the ledger does not know only when `orphans`. Nothing but the report when `dry_run`. Beside a running daemon or alone;
    /// two at once are safe.
    ///
    /// `{"dry_run", "objects": [{"job", "key", "kind", "name", "id", "why", "outcome", "error"}], "cache": ImageCache::collect, "forgotten",
    ///   "clean"}`
    Task<rules::Json> cleanup(bool dry_run, bool orphans);

    /// Serves `caller`, unless his job or the daemon has as many connections as it may have. Every acceptor brings what it accepts here.
    void admit(std::unique_ptr<Transport> transport, Caller caller);

    /// A sign that somebody still needs the job: its lease begins anew.
    rules::Result<void> renew(const std::string& id);
    /// The job's lease does not run out while `holder` stays connected; once it has gone, it has a moment to come back.
    Task<rules::Result<void>> hold(std::string id, Client& holder);

    /// Reads the rules again. Jobs that are opened from now on get them; those that are open keep what they have. When there is a mistake,
    /// nothing changes.
    Task<rules::Result<void>> reload_rules();
    const rules::Rulebook& rulebook() const { return rulebook_; }
    const std::filesystem::path& rules_path() const { return rules_path_; }

    Job* find(std::string_view id_or_key);
    std::vector<Job*> all();
    std::vector<std::string> keys() const;

    /// Ends the daemon's part: doors are shut and connections cut, after what is being made has been recorded or `limit` has passed. Jobs
    /// stay open in the ledger.
    Task<> stop(Clock::duration limit);

    /// No connection and no close is under way.
    bool quiet() const;

    /// Listens to the engine's events, so that what it removes by itself (`--rm`) leaves the tables at once, and the end of an anchor is
    /// noticed; until cancelled. Events are a hint: one that is missed costs a 404 later, or a moment.
    Task<> follow_engine();

    /// Cuts stalled peers and ends jobs whose time is up, whose lease has run out or whose anchor is gone; until cancelled.
    Task<> watch();

private:
    void open_door(Job& job);
    /// False when the ledger could not be written, which is logged.
    Task<bool> write_or_log(db::Store::Work work);
    Task<> end_lost_jobs();
    /// What is to be done about a ledger that is damaged.
    std::string damage_told() const;
    /// The acceptor of a job's own door.
    Task<> listen(Job& job);
    /// `job` can have no further connection without endangering administration, reaps and what other jobs need.
    bool is_crowded(const Job& job);
    Task<> reconcile(Job& job);
    Task<> reconcile(Job& job, db::Object object);
    Task<> learn_gateway(Job& job);
    Task<bool> adopt_cut_builds(Job& job, db::Seconds since);
    Task<> adopt_cut_builds(std::map<Job*, db::Seconds> began);
    Task<> lease_address(Job& job);
    Task<> restore_networks(std::vector<db::SubnetLease> leases);
    Task<> drain(Job& job, Clock::duration limit);
    /// The job's end, beside whoever waits for it; lets what is being made finish for at most `limit`.
    Task<> finish(Job& job, Clock::duration limit, std::shared_ptr<Ending> ending);
    Task<cleanup::Report> drain_and_reap(Job& job, Clock::duration limit);
    /// Removes what a drained job made, and proves that it is gone.
    Task<cleanup::Report> remove_everything(Job& job);
    /// Writes the result to the ledger and the log. That the ledger cannot be written goes into `report`.
    Task<> record_reap(const Job& job, cleanup::Report& report, std::int64_t started);
    /// After a clean end: takes the job from the tables.
    void retire(Job& job);
    /// After an incomplete one: forgets what is gone, and lets the close be tried again.
    void keep_left(Job& job, const cleanup::Report& report);
    Task<> keep_built(const Job& job);
    void on_engine_event(std::string_view event);
    /// Behind a gap in the events: looks at what they may have told.
    Task<> resync_after_gap();
    /// Header lines of every answer to a job under `profile`.
    std::string answer_headers_of(const rules::Profile& profile) const;
    Task<> close_later(std::string key);
    Task<> keep_house();
    /// The report of ImageCache::collect.
    Task<rules::Json> collect_images(bool dry_run);
    Task<> relieve_cache();
    /// What the job had of the host's cache was used until now; what no profile keeps goes. How many images that were.
    Task<std::int64_t> leave_cache(std::vector<db::Object> images, std::string profile_cache);
    /// Rows whose objects somebody removed behind our back go.
    Task<> forget_all_vanished();
    Task<> forget_vanished(std::string key);
    void begin_close(Job& job, std::string_view why);
    void close_if_over(Job& job);
    Task<> close_without_anchor(std::string key);
    /// The paths of a job with an anchor or a workspace, as the engine and the host have them now.
    Task<rules::Result<rules::JobPaths>> paths_of(std::string key, std::string anchor, std::string workspace);
    void remove_old_pins() const;
    std::unique_ptr<Job> make_job(db::Job facts, const rules::Profile& profile);
    /// What the ledger keeps of the job that `request` asks for.
    Task<db::Job> facts_of(std::string key, const OpenRequest& request, const rules::Profile& profile, const rules::JobPaths& paths);
    /// A job whose opening failed leaves nothing.
    void abandon(Job& job);
    /// Makes the cgroup of `job`, when its profile asks for one.
    Task<> make_cgroup_of(Job& job);
    /// False while something is still in it.
    Task<bool> remove_cgroup_of(Job& job);
    /// Ends what still runs of containers that the engine has forgotten.
    Task<> end_processes(const Job& job, std::set<std::string> containers);
    std::filesystem::path directory_of(const std::string& key) const { return runtime_dir_ / "jobs" / key; }
    std::filesystem::path pins_of(const std::string& key) const { return runtime_dir_ / "pins" / key; }

    Services services_;
    Serve serve_;
    std::filesystem::path runtime_dir_;
    std::vector<std::string> own_paths_;
    std::filesystem::path rules_path_;
    rules::Rulebook rulebook_;
    CgroupSystem cgroups_;    ///< of the engine, once a job needed one
    std::size_t connections_most_;  ///< of all jobs together
    Clock::time_point crowd_told_;
    std::int64_t next_row_ = 0;
    std::map<std::string, std::shared_ptr<Ending>> endings_;  ///< under way, by key
    Lock removals_{cleanup::jobs_at_once};  ///< held while what a job made is removed
    std::map<std::string, std::unique_ptr<Job>> jobs_;  ///< by key
    std::vector<std::unique_ptr<Job>> retired_;         ///< closed, with connections that have not noticed yet
};

/// A job as `--json` shows it.
rules::Json json_of(const Job& job, const Firewall& firewall);
/// Whether jobs are kept apart on the network, and else why not.
rules::Json json_of(const Firewall& firewall);

}  // namespace broker
