#include <array>

#include "db/ledger_state.h"
#include "db/printable.h"
#include "db/words.h"

// What is kept of requests, of refusals and of reaps.
namespace db {

namespace {

constexpr std::array<std::string_view, 4> outcomes{"allowed", "observed", "refused", "failed"};

std::vector<Refusal> refusals_of(Rows rows)
{
    std::vector<Refusal> refusals;
    while (rows.next())
        refusals.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.text(4), rows.integer(5)});
    return refusals;
}

}  // namespace

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

}  // namespace db
