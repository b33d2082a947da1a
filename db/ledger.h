#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "db/failure.h"
#include "rules/model.h"

namespace db {

enum class JobState : std::uint8_t { open, draining, closed };
enum class ObjectState : std::uint8_t { intended, live, removing, gone };

std::string_view state_name(JobState state);
std::string_view state_name(ObjectState state);

using Seconds = std::int64_t;  ///< Unix time

struct Job {
    std::string key;  ///< rules/names/names.h: the internal identity
    std::string id;   ///< the operator's text, unique among jobs that are not closed
    std::string profile;
    JobState state = JobState::open;
    std::map<std::string, std::string> labels;
    std::string anchor;     ///< full id of the job's own container; empty when unknown
    std::string workspace;  ///< host path; empty when unknown
    Seconds created = 0;
    Seconds ended = 0;     ///< 0: not yet closed
    Seconds deadline = 0;  ///< 0: no time to live was given
    Seconds lease = 0;     ///< how long it may go without a sign of whoever opened it; 0: for ever
};

/// Where an object came from: an image that was pulled stays in the cache, what the job made goes with it.
enum class Origin : std::uint8_t { made, pulled };

struct Object {
    std::int64_t row = 0;  ///< chosen by the caller, never used twice
    std::string job;       ///< its key
    rules::Kind kind = rules::Kind::none;
    ObjectState state = ObjectState::intended;
    Origin origin = Origin::made;
    std::string id;    ///< full engine id, as in rules::Named; empty while intended
    std::string name;  ///< virtual
    std::string real;
    std::string parent;  ///< full id of the container of an exec or of an anonymous volume; of a name lent to a push, the way back; else empty
    Seconds created = 0;

    /// What it is called where people read it.
    const std::string& shown_name() const { return name.empty() ? real : name; }
};

/// A public name under which jobs pulled an image: of these the host's cache consists.
struct Cached {
    std::string image;    ///< full id; empty while it is being pulled
    std::string name;     ///< familiar, with a tag or a digest
    std::string profile;  ///< of the last job that had it and keeps a cache; empty: no job keeps it
    Seconds used = 0;
};

/// What a network of a job has of the host for as long as it is there.
struct SubnetLease {
    std::string job;      ///< key
    std::string network;  ///< virtual name
    std::string subnet;   ///< `10.213.0.0/26`; empty for a network without IPv4
    std::string bridge;   ///< device
};

struct Refusal {
    std::string job;       ///< key
    std::string endpoint;  ///< `container.create`
    std::string field;
    std::string rule;
    std::string value;  ///< control characters and what is not UTF-8 as \xNN, at most 256 bytes
    Seconds at = 0;
};

/// A request that a job made, and what became of it.
struct Request {
    std::int64_t row = 0;  ///< grows with time; given by the ledger
    std::string job;       ///< key
    std::string job_id, job_profile;  ///< of the job; empty once it is forgotten. Only read
    Seconds at = 0;
    bool first = false;    ///< of its endpoint in its job: kept longer than the others
    std::string endpoint;  ///< `container.create`
    std::string method;
    std::string target;    ///< redacted; one that is not printable ASCII is escaped and cut
    std::string body;      ///< redacted JSON; empty: none
    std::string facts;     ///< JSON, see rules::AskedRequest
    bool whole = true;     ///< target and body are all there, so that they can be judged again
    rules::Outcome outcome = rules::Outcome::allowed;
    std::string field, rule, value;  ///< of what was refused, as in Refusal
};

/// Which requests are asked for.
struct RequestFilter {
    std::string job = {};      ///< id or key; empty: any
    bool denied = false;       ///< only what a rule refused, or would have
    Seconds since = 0;
    std::int64_t after = 0;    ///< rows behind this one
    std::size_t most = 1000;
};

struct Reap {
    std::string job;
    Seconds started = 0, finished = 0;
    std::int64_t removed = 0;  ///< objects
    std::int64_t left = 0;     ///< objects that could not be removed
    std::string detail;        ///< JSON text: counts by kind, errors
};

/// Of each job this many refusals are kept, the newest.
inline constexpr std::int64_t refusals_kept = 10'000;

/// Of each job this many requests are kept, the newest, and the first of each endpoint; of all jobs together so many.
inline constexpr std::int64_t requests_kept = 2'000;
inline constexpr std::int64_t requests_kept_of_all = 20'000;
/// A longer body or target is left out.
inline constexpr std::size_t request_body_max = 16 * 1024;
inline constexpr std::size_t request_target_max = 4 * 1024;

/// Which job made which object. The only code that speaks SQL.
///
/// Thread: one instance, used on the database thread only (db/store.h).
/// Errors: members throw db::Failure when SQLite fails; what is absent is nullopt or an empty list. A text that is
/// longer than its column allows (db/schema.cpp) is a Failure, except in a Refusal. Source: schema and migrations in
/// db/schema.cpp, version in PRAGMA user_version.
class Ledger {
public:
    /// Opens or makes `file` (":memory:" too), takes its lock for this process (`<file>.lock`; Busy) and migrates it.
    /// The directory is there. A ledger of a newer program is Failure, one that SQLite finds damaged is Damaged.
    explicit Ledger(const std::filesystem::path& file);
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    /// A key that was ever used, or an id that a job has which is not closed, is Failure.
    void add(const Job& job);
    /// `at` is when the job ended, if it is closed now. A job that is not there is Failure.
    void set_state(const std::string& key, JobState state, Seconds at);
    std::vector<Job> jobs() const;                         ///< all that are not closed, oldest first
    std::vector<Job> closed_jobs(std::size_t most) const;  ///< newest first
    std::optional<Job> job(const std::string& key) const;  ///< in whatever state, unless it is forgotten

    /// Records `object` of a job that is there, replacing the row of the same number.
    void put(const Object& object);
    /// The object of `row` is there, under `id`. A row that is not there is Failure.
    void set_live(std::int64_t row, const std::string& id);
    /// A row that is not there is Failure.
    void set_state(std::int64_t row, ObjectState state);
    std::vector<Object> objects(const std::string& job) const;  ///< all that are not gone, oldest first
    std::set<std::string> containers(const std::string& job) const;  ///< full ids of all that it had, gone or not
    std::int64_t last_row() const;                              ///< 0 when there is none

    /// Replaces the lease of the same network.
    void put(const SubnetLease& lease);
    void end_lease(const std::string& job, const std::string& network);
    void end_leases(const std::string& job);
    std::vector<SubnetLease> leases() const;

    /// Escapes and cuts the texts of `refusal` as is said at Refusal::value.
    void add(const Refusal& refusal);
    std::vector<Refusal> refusals(const std::optional<std::string>& job, std::size_t most) const;  ///< newest first
    std::int64_t refusal_count(const std::string& job) const;  ///< of all that there were, kept or not
    /// The same; what is too long is left out of it.
    void add(const Request& request);
    std::vector<Request> requests(const RequestFilter& filter) const;  ///< oldest first
    void add(const Reap& reap);
    std::optional<Reap> last_reap() const;

    // db/ledger_cache.cpp
    /// Adds `cached`, or moves its time on and gives it the profile, unless that is empty.
    void put(const Cached& cached);
    void end_pull(const std::string& name);
    /// `what`, an image's id or a name, was used.
    void touch_cached(const std::string& what, Seconds at);
    void uncache(const std::string& image, const std::string& name);
    std::vector<Cached> cached() const;  ///< least recently used first
    bool is_cached(const std::string& image, const std::string& name) const;
    /// A name of the cache that no profile keeps.
    bool is_unkept(const std::string& image, const std::string& name) const;
    /// The images that were on the engine before any job's; nullopt when nobody has looked yet.
    std::optional<std::set<std::string>> host_images() const;
    bool is_host_image(const std::string& id) const;
    void add_host_images(const std::set<std::string>& ids, Seconds at);
    void remove_host_image(const std::string& id);

    /// Deletes what need not be kept any longer (db/retention.cpp): the jobs closed before `before` that left nothing on
    /// the engine, with all that is recorded of them, and what is more than the ledger may hold. The last object and the
    /// last reap stay. Gives some of the space back. How many jobs it were.
    std::int64_t forget(Seconds before);

    /// How many rows were changed since the ledger was opened.
    std::int64_t changes() const;

    /// All members called between begin and commit are one transaction; rollback() undoes it, or does nothing when
    /// there is none.
    void begin();
    void commit();
    void rollback() noexcept;

    /// One step in a transaction: from mark() to release(), or to undo(), which undoes it alone. Failure when there is
    /// no transaction any more: SQLite ends it by itself when the disk is full.
    void mark();
    void release();
    void undo();

private:
    struct State;  // db/ledger_state.h
    std::unique_ptr<State> state_;
};

}  // namespace db
