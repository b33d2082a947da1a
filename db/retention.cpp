#include <algorithm>
#include <array>

#include "db/ledger_state.h"

// What the ledger keeps of what is over. A table that grows has its line here.
namespace db {

namespace {

/// Entries of forgotten jobs that are older than ?1, table by table. Below: the oldest of a table that has too many.
constexpr std::array<std::string_view, 4> of_forgotten_jobs = {
    "DELETE FROM refusals WHERE at < ? AND job NOT IN (SELECT key FROM jobs)",
    "DELETE FROM requests WHERE at < ? AND job NOT IN (SELECT key FROM jobs)",
    "DELETE FROM reaps WHERE finished < ? AND job NOT IN (SELECT key FROM jobs) AND row < (SELECT max(row) FROM reaps)",
    // Objects go with their jobs. A name of a pull that is no longer under way:
    "DELETE FROM cached WHERE used < ? AND image = ''",
};
constexpr std::array<std::string_view, 3> too_many = {
    "DELETE FROM objects WHERE state = 'gone' AND row <= (SELECT max(row) FROM objects) - 1000000",
    "DELETE FROM refusals WHERE row <= (SELECT max(row) FROM refusals) - 1000000",
    "DELETE FROM reaps WHERE row <= (SELECT max(row) FROM reaps) - 100000",
};

constexpr std::int64_t closed_jobs_max = 20'000;

/// When the last of the jobs ended that are too many.
Seconds end_of_too_many(Connection& connection)
{
    Rows rows = connection.query("SELECT ended FROM jobs WHERE state = 'closed' ORDER BY ended DESC LIMIT 1 OFFSET ?",
                                 closed_jobs_max);
    return rows.next() ? rows.integer(0) + 1 : 0;
}

}  // namespace

std::int64_t Ledger::forget(Seconds before)
{
    Connection& connection = state_->connection;
    before = std::max(before, end_of_too_many(connection));
    const std::int64_t jobs = connection.run(
        "DELETE FROM jobs WHERE state = 'closed' AND ended < ? AND NOT EXISTS (SELECT 1 FROM objects"
        " WHERE objects.job = jobs.key AND (objects.state <> 'gone' OR objects.row = (SELECT max(row) FROM objects)))",
        before);
    for (const std::string_view sql : of_forgotten_jobs) connection.run(sql, before);
    for (const std::string_view sql : too_many) connection.run(sql);
    connection.script("PRAGMA incremental_vacuum(4096)");
    return jobs;
}

}  // namespace db
