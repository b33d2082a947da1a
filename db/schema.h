#pragma once

#include <span>
#include <string>

#include "db/sqlite.h"

namespace db {

/// One step of the ledger's schema.
struct Migration {
    std::string program;  ///< the first version of berth that knows the result
    std::string sql;
};

/// All steps, oldest first: step n leads from version n to n + 1. A step that was released never changes.
std::span<const Migration> migrations();

/// Brings the database to the newest version, each step in its own transaction.
///
/// Errors: Failure, also when the database is newer than `steps`, with the version of berth that it needs. The
/// connection is then good for nothing but closing, which undoes the step that failed.
void migrate(Connection& connection, std::span<const Migration> steps = migrations());

}  // namespace db
