#pragma once

#include <stdexcept>

namespace db {

/// SQLite failed. The message says what was done; it may reach the log, never a client.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Another process has this ledger open.
struct Busy : Failure {
    using Failure::Failure;
};

/// SQLite cannot use the file as it is now: there is no room, no access, or somebody else has locked it.
struct Unusable : Failure {
    using Failure::Failure;
};

/// The file is not, or not any more, what SQLite wrote.
struct Damaged : Unusable {
    using Unusable::Unusable;
};

}  // namespace db
