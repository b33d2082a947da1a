#include "db/check.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "db/schema.h"
#include "db/sqlite.h"

namespace db {

namespace {

/// Whether any process has flock(2) on `file`. Trying it would for a moment keep a berth that starts just now from
/// having it.
bool is_locked(const std::filesystem::path& file)
{
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0) return false;
    const std::string wanted = ":" + std::to_string(status.st_ino);
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, mode, access, process, place;
        words >> number >> kind >> mode >> access >> process >> place;
        if (kind == "FLOCK" && place.ends_with(wanted)) return true;
    }
    return false;
}

}  // namespace

Checked check_ledger(const std::filesystem::path& file)
{
    Checked checked;
    std::error_code error;
    checked.there = std::filesystem::exists(file, error);
    if (error) checked.problem = file.string() + ": " + error.message();
    if (!checked.there) return checked;
    checked.in_use = is_locked(file.string() + ".lock");
    try {
        Connection connection(file);
        connection.script("PRAGMA query_only = ON; PRAGMA busy_timeout = 1000;");
        check(connection);
        if (Rows rows = connection.query("PRAGMA user_version"); rows.next()) checked.schema = rows.integer(0);
        if (checked.schema > static_cast<std::int64_t>(migrations().size()))
            throw Failure("it has schema " + std::to_string(checked.schema) + ", and this berth knows schemas up to " +
                          std::to_string(migrations().size()));
        if (checked.schema == 0) return checked;
        if (Rows rows = connection.query("SELECT count(*) FROM jobs WHERE state <> 'closed'"); rows.next())
            checked.jobs = rows.integer(0);
    } catch (const Failure& failure) {
        checked.problem = failure.what();
    }
    return checked;
}

}  // namespace db
