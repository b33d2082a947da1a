#include "db/schema.h"

#include <array>

namespace db {

namespace {

// Lengths are of bytes: length() of a text ends at its first NUL. They bound what a job can make the ledger keep.
constexpr const char* version_1 = R"sql(
CREATE TABLE program (needed TEXT NOT NULL) STRICT;
INSERT INTO program VALUES ('');

CREATE TABLE jobs (
    row       INTEGER PRIMARY KEY,
    key       TEXT NOT NULL UNIQUE CHECK (length(CAST(key AS BLOB)) BETWEEN 1 AND 64),
    id        TEXT NOT NULL CHECK (length(CAST(id AS BLOB)) BETWEEN 1 AND 256),
    profile   TEXT NOT NULL CHECK (length(CAST(profile AS BLOB)) <= 256),
    state     TEXT NOT NULL CHECK (state IN ('open', 'draining', 'closed')),
    labels    TEXT NOT NULL CHECK (length(CAST(labels AS BLOB)) <= 65536),
    anchor    TEXT NOT NULL CHECK (length(CAST(anchor AS BLOB)) <= 256),
    workspace TEXT NOT NULL CHECK (length(CAST(workspace AS BLOB)) <= 4096),
    created   INTEGER NOT NULL,
    ended     INTEGER NOT NULL,
    deadline  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_open ON jobs (id) WHERE state <> 'closed';
CREATE INDEX jobs_closed ON jobs (ended) WHERE state = 'closed';

CREATE TABLE objects (
    row     INTEGER PRIMARY KEY CHECK (row > 0),
    job     TEXT NOT NULL REFERENCES jobs (key) ON DELETE CASCADE,
    kind    TEXT NOT NULL CHECK (kind IN ('container', 'exec', 'network', 'volume', 'image')),
    state   TEXT NOT NULL CHECK (state IN ('intended', 'live', 'removing', 'gone')),
    origin  TEXT NOT NULL CHECK (origin IN ('made', 'pulled')),
    id      TEXT NOT NULL CHECK (length(CAST(id AS BLOB)) <= 4096),
    name    TEXT NOT NULL CHECK (length(CAST(name AS BLOB)) <= 1024),
    real    TEXT NOT NULL CHECK (length(CAST(real AS BLOB)) <= 4096),
    parent  TEXT NOT NULL CHECK (length(CAST(parent AS BLOB)) <= 256),
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX objects_of ON objects (job, state);

-- A refusal may belong to no job, and the reap of a job outlives it: no foreign keys.
CREATE TABLE refusals (
    row      INTEGER PRIMARY KEY,
    job      TEXT NOT NULL CHECK (length(CAST(job AS BLOB)) <= 64),
    nth      INTEGER NOT NULL,
    endpoint TEXT NOT NULL CHECK (length(CAST(endpoint AS BLOB)) <= 256),
    field    TEXT NOT NULL CHECK (length(CAST(field AS BLOB)) <= 256),
    rule     TEXT NOT NULL CHECK (length(CAST(rule AS BLOB)) <= 256),
    value    TEXT NOT NULL CHECK (length(CAST(value AS BLOB)) <= 256),
    at       INTEGER NOT NULL,
    UNIQUE (job, nth)
) STRICT;

CREATE TABLE reaps (
    row      INTEGER PRIMARY KEY,
    job      TEXT NOT NULL CHECK (length(CAST(job AS BLOB)) <= 64),
    started  INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    removed  INTEGER NOT NULL,
    left     INTEGER NOT NULL,
    detail   TEXT NOT NULL CHECK (length(CAST(detail AS BLOB)) <= 1048576)
) STRICT;
)sql";

// What a network of a job has of the host: a subnet of everybody's and a device. Empty subnet: a network without IPv4.
constexpr const char* version_2 = R"sql(
CREATE TABLE leases (
    job     TEXT NOT NULL REFERENCES jobs (key) ON DELETE CASCADE,
    network TEXT NOT NULL CHECK (length(CAST(network AS BLOB)) <= 1024),
    subnet  TEXT NOT NULL CHECK (length(CAST(subnet AS BLOB)) <= 18),
    bridge  TEXT NOT NULL UNIQUE CHECK (length(CAST(bridge AS BLOB)) BETWEEN 1 AND 15),
    PRIMARY KEY (job, network)
) STRICT;
)sql";

// For how long a job may go without a sign of whoever opened it; 0: for ever.
constexpr const char* version_3 = R"sql(
ALTER TABLE jobs ADD COLUMN lease INTEGER NOT NULL DEFAULT 0 CHECK (lease >= 0);
)sql";

// The host's cache: what jobs pulled, by public name, and what was there before them (host_seen: when that was looked up).
constexpr const char* version_cache = R"sql(
CREATE TABLE cached (
    image   TEXT NOT NULL CHECK (length(CAST(image AS BLOB)) <= 128),
    name    TEXT NOT NULL CHECK (length(CAST(name AS BLOB)) <= 1024),
    profile TEXT NOT NULL CHECK (length(CAST(profile AS BLOB)) <= 256),
    used    INTEGER NOT NULL,
    PRIMARY KEY (image, name)
) STRICT;
CREATE INDEX cached_names ON cached (name);
CREATE TABLE host_images (image TEXT NOT NULL PRIMARY KEY CHECK (length(CAST(image AS BLOB)) <= 128)) STRICT;
ALTER TABLE program ADD COLUMN host_seen INTEGER NOT NULL DEFAULT 0;
)sql";

// What jobs asked for, as it may be kept (rules/api/redact.h). `first`: the first of its endpoint in its job, which stays.
constexpr const char* version_requests = R"sql(
CREATE TABLE requests (
    row      INTEGER PRIMARY KEY,
    job      TEXT NOT NULL CHECK (length(CAST(job AS BLOB)) <= 64),
    nth      INTEGER NOT NULL,
    first    INTEGER NOT NULL CHECK (first IN (0, 1)),
    at       INTEGER NOT NULL,
    endpoint TEXT NOT NULL CHECK (length(CAST(endpoint AS BLOB)) <= 256),
    method   TEXT NOT NULL CHECK (length(CAST(method AS BLOB)) <= 256),
    target   TEXT NOT NULL CHECK (length(CAST(target AS BLOB)) <= 4096),
    body     TEXT NOT NULL CHECK (length(CAST(body AS BLOB)) <= 16384),
    facts    TEXT NOT NULL CHECK (length(CAST(facts AS BLOB)) <= 16384),
    whole    INTEGER NOT NULL CHECK (whole IN (0, 1)),
    outcome  TEXT NOT NULL CHECK (outcome IN ('allowed', 'observed', 'refused', 'failed')),
    field    TEXT NOT NULL CHECK (length(CAST(field AS BLOB)) <= 256),
    rule     TEXT NOT NULL CHECK (length(CAST(rule AS BLOB)) <= 256),
    value    TEXT NOT NULL CHECK (length(CAST(value AS BLOB)) <= 256),
    UNIQUE (job, nth)
) STRICT;
)sql";

// Older versions hid only what they knew as a secret. Now only listed values are kept (rules/api/kept.h): the others are overwritten on disk, too.
constexpr const char* version_listed = R"sql(
PRAGMA secure_delete = ON;
UPDATE requests SET target = '', body = '', facts = '', whole = 0, value = '';
UPDATE refusals SET value = '';
)sql";

std::int64_t version_of(Connection& connection)
{
    Rows rows = connection.query("PRAGMA user_version");
    rows.next();
    return rows.integer(0);
}

[[noreturn]] void refuse(Connection& connection, std::int64_t version, std::size_t known)
{
    Rows rows = connection.query("SELECT needed FROM program");
    const std::string needed = rows.next() ? rows.text(0) : std::string();
    throw Failure("the ledger has schema " + std::to_string(version) + ", which needs berth " + needed +
                  " or newer; this berth knows schemas up to " + std::to_string(known));
}

}  // namespace

std::span<const Migration> migrations()
{
    static const std::array steps{Migration{"0.1.0", version_1}, Migration{"0.1.0", version_2}, Migration{"0.1.0", version_3},
                                  Migration{"0.1.0", version_cache}, Migration{"0.1.0", version_requests},
                                  Migration{"0.1.0", version_listed}};
    return steps;
}

void migrate(Connection& connection, std::span<const Migration> steps)
{
    const std::int64_t found = version_of(connection);
    if (found < 0) throw Failure("the ledger has schema " + std::to_string(found) + ", which no berth made");
    auto version = static_cast<std::size_t>(found);
    if (version > steps.size()) refuse(connection, found, steps.size());
    for (; version < steps.size(); ++version) {
        connection.run("BEGIN IMMEDIATE");
        connection.script(steps[version].sql);
        connection.run("UPDATE program SET needed = ?", steps[version].program);
        connection.script("PRAGMA user_version = " + std::to_string(version + 1));
        connection.run("COMMIT");
    }
}

}  // namespace db
