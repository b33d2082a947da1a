#include "db/ledger.h"

#include <algorithm>
#include <array>
#include <limits>

#include "db/ledger_state.h"
#include "db/printable.h"
#include "db/schema.h"
#include "rules/json.h"

namespace db {

namespace {

constexpr std::array<std::string_view, 3> job_states{"open", "draining", "closed"};
constexpr std::array<std::string_view, 4> object_states{"intended", "live", "removing", "gone"};
constexpr std::array<std::string_view, 4> outcomes{"allowed", "observed", "refused", "failed"};
constexpr std::array<std::string_view, 2> origins{"made", "pulled"};

/// The value that `names` has at the place of its number.
template <class Enum, std::size_t size>
Enum named(const std::array<std::string_view, size>& names, std::string_view name)
{
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) throw Failure("the ledger holds an unknown word: " + std::string(name));
    return static_cast<Enum>(found - names.begin());
}

std::int64_t number_of(Connection& connection, std::string_view pragma)
{
    Rows rows = connection.query(pragma);
    return rows.next() ? rows.integer(0) : 0;
}

/// Space that rows had is given back to the file system bit by bit. An empty file is made so; an older one is written anew once.
void return_space(Connection& connection)
{
    constexpr std::int64_t incremental = 2;
    if (number_of(connection, "PRAGMA auto_vacuum") == incremental) return;
    connection.script("PRAGMA auto_vacuum = INCREMENTAL");
    if (number_of(connection, "PRAGMA page_count") == 0) return;
    try {
        connection.script("VACUUM");
    } catch (const Damaged&) {
        throw;
    } catch (const Failure&) {
        // No room for it now: the next start tries again.
    }
}

void configure(Connection& connection, bool in_memory)
{
    connection.script(
        "PRAGMA busy_timeout = 1000; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
        "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216;");
    check(connection);
    return_space(connection);
    Rows mode = connection.query("PRAGMA journal_mode = WAL");
    if ((!mode.next() || mode.text(0) != "wal") && !in_memory) throw Failure("the ledger's file system has no WAL");
}

std::int64_t limit(std::size_t most)
{
    return static_cast<std::int64_t>(std::min<std::size_t>(most, std::numeric_limits<std::int64_t>::max()));
}

std::string labels_text(const std::map<std::string, std::string>& labels)
{
    return rules::Json(labels).dump(-1, ' ', false, rules::Json::error_handler_t::replace);
}

std::map<std::string, std::string> labels_of(const std::string& text)
{
    const rules::Json value = rules::Json::parse(text, nullptr, false);
    std::map<std::string, std::string> labels;
    if (!value.is_object()) throw Failure("the ledger holds labels that are no JSON object");
    for (const auto& [key, label] : value.items())
        if (const auto* label_text = label.get_ptr<const std::string*>()) labels.emplace(key, *label_text);
    return labels;
}

std::vector<Job> jobs_of(Rows rows)
{
    std::vector<Job> jobs;
    while (rows.next()) {
        Job job;
        job.key = rows.text(0);
        job.id = rows.text(1);
        job.profile = rows.text(2);
        job.state = named<JobState>(job_states, rows.text(3));
        job.labels = labels_of(rows.text(4));
        job.anchor = rows.text(5);
        job.workspace = rows.text(6);
        job.created = rows.integer(7);
        job.ended = rows.integer(8);
        job.deadline = rows.integer(9);
        job.lease = rows.integer(10);
        jobs.push_back(std::move(job));
    }
    return jobs;
}

std::vector<Refusal> refusals_of(Rows rows)
{
    std::vector<Refusal> refusals;
    while (rows.next())
        refusals.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.text(4), rows.integer(5)});
    return refusals;
}

}  // namespace

std::string_view state_name(JobState state)
{
    return job_states.at(static_cast<std::size_t>(state));
}

std::string_view state_name(ObjectState state)
{
    return object_states.at(static_cast<std::size_t>(state));
}

Ledger::State::State(const std::filesystem::path& file)
    : lock(file == ":memory:" ? nullptr : std::make_unique<FileLock>(file)), connection(file)
{
    configure(connection, !lock);
    migrate(connection);
}

Ledger::Ledger(const std::filesystem::path& file) : state_(std::make_unique<State>(file)) {}

Ledger::~Ledger() = default;

void Ledger::add(const Job& job)
{
    state_->connection.run(
        "INSERT INTO jobs (key, id, profile, state, labels, anchor, workspace, created, ended, deadline, lease)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        job.key, job.id, job.profile, state_name(job.state), labels_text(job.labels), job.anchor, job.workspace,
        job.created, job.ended, job.deadline, job.lease);
}

void Ledger::set_state(const std::string& key, JobState state, Seconds at)
{
    const Seconds ended = state == JobState::closed ? at : 0;
    const auto changed =
        state_->connection.run("UPDATE jobs SET state = ?, ended = ? WHERE key = ?", state_name(state), ended, key);
    if (changed == 0) throw Failure("the ledger has no job " + key);
}

std::vector<Job> Ledger::jobs() const
{
    return jobs_of(state_->connection.query(
        "SELECT key, id, profile, state, labels, anchor, workspace, created, ended, deadline, lease FROM jobs"
        " WHERE state <> 'closed' ORDER BY created, row"));
}

std::vector<Job> Ledger::closed_jobs(std::size_t most) const
{
    return jobs_of(state_->connection.query(
        "SELECT key, id, profile, state, labels, anchor, workspace, created, ended, deadline, lease FROM jobs"
        " WHERE state = 'closed' ORDER BY ended DESC, row DESC LIMIT ?",
        limit(most)));
}

std::optional<Job> Ledger::job(const std::string& key) const
{
    std::vector<Job> found = jobs_of(state_->connection.query(
        "SELECT key, id, profile, state, labels, anchor, workspace, created, ended, deadline, lease FROM jobs"
        " WHERE key = ?",
        key));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

void Ledger::put(const Object& object)
{
    state_->connection.run(
        "INSERT INTO objects (row, job, kind, state, origin, id, name, real, parent, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (row) DO UPDATE SET job = excluded.job,"
        " kind = excluded.kind, state = excluded.state, origin = excluded.origin, id = excluded.id,"
        " name = excluded.name, real = excluded.real, parent = excluded.parent, created = excluded.created",
        object.row, object.job, rules::kind_name(object.kind), state_name(object.state),
        origins.at(static_cast<std::size_t>(object.origin)), object.id, object.name, object.real, object.parent,
        object.created);
}

void Ledger::set_live(std::int64_t row, const std::string& id)
{
    if (state_->connection.run("UPDATE objects SET state = 'live', id = ? WHERE row = ?", id, row) == 0)
        throw Failure("the ledger has no object " + std::to_string(row));
}

void Ledger::set_state(std::int64_t row, ObjectState state)
{
    if (state_->connection.run("UPDATE objects SET state = ? WHERE row = ?", state_name(state), row) == 0)
        throw Failure("the ledger has no object " + std::to_string(row));
}

std::vector<Object> Ledger::objects(const std::string& job) const
{
    Rows rows = state_->connection.query(
        "SELECT row, job, kind, state, origin, id, name, real, parent, created FROM objects"
        " WHERE job = ? AND state IN ('intended', 'live', 'removing') ORDER BY row",
        job);
    std::vector<Object> objects;
    while (rows.next()) {
        Object object;
        object.row = rows.integer(0);
        object.job = rows.text(1);
        object.kind = rules::kind_of(rows.text(2));
        object.state = named<ObjectState>(object_states, rows.text(3));
        object.origin = named<Origin>(origins, rows.text(4));
        object.id = rows.text(5);
        object.name = rows.text(6);
        object.real = rows.text(7);
        object.parent = rows.text(8);
        object.created = rows.integer(9);
        objects.push_back(std::move(object));
    }
    return objects;
}

std::set<std::string> Ledger::containers(const std::string& job) const
{
    Rows rows = state_->connection.query("SELECT id FROM objects WHERE job = ? AND kind = 'container' AND id <> ''", job);
    std::set<std::string> ids;
    while (rows.next()) ids.insert(rows.text(0));
    return ids;
}

std::int64_t Ledger::last_row() const
{
    Rows rows = state_->connection.query("SELECT max(row) FROM objects");
    return rows.next() ? rows.integer(0) : 0;
}

void Ledger::put(const Lease& lease)
{
    state_->connection.run(
        "INSERT INTO leases (job, network, subnet, bridge) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (job, network) DO UPDATE SET subnet = excluded.subnet, bridge = excluded.bridge",
        lease.job, lease.network, lease.subnet, lease.bridge);
}

void Ledger::end_lease(const std::string& job, const std::string& network)
{
    state_->connection.run("DELETE FROM leases WHERE job = ? AND network = ?", job, network);
}

void Ledger::end_leases(const std::string& job)
{
    state_->connection.run("DELETE FROM leases WHERE job = ?", job);
}

std::vector<Lease> Ledger::leases() const
{
    Rows rows = state_->connection.query("SELECT job, network, subnet, bridge FROM leases ORDER BY job, network");
    std::vector<Lease> leases;
    while (rows.next()) leases.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3)});
    return leases;
}

void Ledger::add(const Refusal& refusal)
{
    std::int64_t nth = 0;
    {
        const std::string endpoint = printable(refusal.endpoint), field = printable(refusal.field);
        const std::string rule = printable(refusal.rule), value = printable(refusal.value);
        Rows rows = state_->connection.query(
            "INSERT INTO refusals (job, nth, endpoint, field, rule, value, at)"
            " VALUES (?1, 1 + (SELECT ifnull(max(nth), 0) FROM refusals WHERE job = ?1), ?2, ?3, ?4, ?5, ?6)"
            " RETURNING nth",
            refusal.job, endpoint, field, rule, value, refusal.at);
        while (rows.next()) nth = rows.integer(0);
    }
    if (nth > refusals_kept)
        state_->connection.run("DELETE FROM refusals WHERE job = ? AND nth <= ?", refusal.job, nth - refusals_kept);
}

std::vector<Refusal> Ledger::refusals(const std::optional<std::string>& job, std::size_t most) const
{
    if (job)
        return refusals_of(state_->connection.query(
            "SELECT job, endpoint, field, rule, value, at FROM refusals WHERE job = ? ORDER BY nth DESC LIMIT ?", *job,
            limit(most)));
    return refusals_of(state_->connection.query(
        "SELECT job, endpoint, field, rule, value, at FROM refusals ORDER BY row DESC LIMIT ?", limit(most)));
}

std::int64_t Ledger::refusal_count(const std::string& job) const
{
    Rows rows = state_->connection.query("SELECT max(nth) FROM refusals WHERE job = ?", job);
    return rows.next() ? rows.integer(0) : 0;
}

void Ledger::add(const Request& request)
{
    Connection& connection = state_->connection;
    const bool fits = request.target.size() <= request_target_max && request.body.size() <= request_body_max &&
                      request.facts.size() <= request_body_max &&
                      std::ranges::all_of(request.target, [](char c) { return c > 0x20 && c < 0x7F; });
    std::int64_t nth = 0;
    {
        const std::string endpoint = printable(request.endpoint), method = printable(request.method);
        const std::string target = fits ? request.target : printable(request.target.substr(0, request.target.find('?')));
        const std::string field = printable(request.field), rule = printable(request.rule),
                          value = printable(request.value);
        const std::string nothing;
        Rows rows = connection.query(
            "INSERT INTO requests (job, nth, first, at, endpoint, method, target, body, facts, whole, outcome, field,"
            " rule, value) VALUES (?1, 1 + (SELECT ifnull(max(nth), 0) FROM requests WHERE job = ?1),"
            " ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) RETURNING nth",
            request.job, std::int64_t{request.first}, request.at, endpoint, method, target,
            fits ? request.body : nothing, fits ? request.facts : nothing, std::int64_t{request.whole && fits},
            rules::outcome_name(request.outcome), field, rule, value);
        while (rows.next()) nth = rows.integer(0);
    }
    if (nth > requests_kept)
        connection.run("DELETE FROM requests WHERE job = ? AND nth <= ? AND first = 0", request.job,
                       nth - requests_kept);
    constexpr std::int64_t between_counts = 64;  // to count is dearer than to add
    if (nth % between_counts == 0)
        connection.run(
            "DELETE FROM requests WHERE row IN (SELECT row FROM requests ORDER BY row LIMIT"
            " max(0, (SELECT count(*) FROM requests) - ?))",
            requests_kept_of_all);
}

std::vector<Request> Ledger::requests(const RequestFilter& filter) const
{
    Rows rows = state_->connection.query(
        "SELECT requests.row, job, ifnull(jobs.id, ''), at, first, endpoint, method, target, body, facts, whole,"
        " outcome, field, rule, value, ifnull(jobs.profile, '') FROM requests LEFT JOIN jobs ON jobs.key = requests.job"
        " WHERE requests.row > ?1 AND at >= ?2 AND (?3 = '' OR job = ?3 OR jobs.id = ?3)"
        " AND (?4 = 0 OR outcome IN ('observed', 'refused')) ORDER BY requests.row LIMIT ?5",
        filter.after, filter.since, filter.job, std::int64_t{filter.denied}, limit(filter.most));
    std::vector<Request> requests;
    while (rows.next()) {
        Request each;
        each.row = rows.integer(0);
        each.job = rows.text(1);
        each.job_id = rows.text(2);
        each.at = rows.integer(3);
        each.first = rows.integer(4) != 0;
        each.endpoint = rows.text(5);
        each.method = rows.text(6);
        each.target = rows.text(7);
        each.body = rows.text(8);
        each.facts = rows.text(9);
        each.whole = rows.integer(10) != 0;
        each.outcome = named<rules::Outcome>(outcomes, rows.text(11));
        each.field = rows.text(12);
        each.rule = rows.text(13);
        each.value = rows.text(14);
        each.job_profile = rows.text(15);
        requests.push_back(std::move(each));
    }
    return requests;
}

void Ledger::add(const Reap& reap)
{
    state_->connection.run(
        "INSERT INTO reaps (job, started, finished, removed, left, detail) VALUES (?, ?, ?, ?, ?, ?)", reap.job,
        reap.started, reap.finished, reap.removed, reap.left, reap.detail);
}

std::optional<Reap> Ledger::last_reap() const
{
    Rows rows = state_->connection.query(
        "SELECT job, started, finished, removed, left, detail FROM reaps ORDER BY row DESC LIMIT 1");
    if (!rows.next()) return std::nullopt;
    return Reap{rows.text(0), rows.integer(1), rows.integer(2), rows.integer(3), rows.integer(4), rows.text(5)};
}

std::int64_t Ledger::changes() const
{
    return state_->connection.changes();
}

void Ledger::begin()
{
    state_->connection.run("BEGIN IMMEDIATE");
}

void Ledger::commit()
{
    state_->connection.run("COMMIT");
}

void Ledger::rollback() noexcept
{
    state_->connection.rollback();
}

void Ledger::mark()
{
    // Outside of a transaction SAVEPOINT would begin one.
    if (!state_->connection.in_transaction()) throw Failure("SQLite has rolled the transaction back");
    state_->connection.run("SAVEPOINT step");
}

void Ledger::release()
{
    state_->connection.run("RELEASE step");
}

void Ledger::undo()
{
    state_->connection.run("ROLLBACK TO step");
    state_->connection.run("RELEASE step");
}

}  // namespace db
