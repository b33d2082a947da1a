#include "db/ledger.h"

#include <algorithm>
#include <array>

#include "db/ledger_state.h"
#include "db/printable.h"
#include "db/schema.h"
#include "db/words.h"
#include "rules/json.h"

namespace db {

namespace {

constexpr std::array<std::string_view, 3> job_states{"open", "draining", "closed"};
constexpr std::array<std::string_view, 4> object_states{"intended", "live", "removing", "gone"};
constexpr std::array<std::string_view, 2> origins{"made", "pulled"};

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

void Ledger::put(const SubnetLease& lease)
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

std::vector<SubnetLease> Ledger::leases() const
{
    Rows rows = state_->connection.query("SELECT job, network, subnet, bridge FROM leases ORDER BY job, network");
    std::vector<SubnetLease> leases;
    while (rows.next()) leases.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3)});
    return leases;
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
