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

/// The file is not, or not any more, what SQLite wrote.
struct Damaged : Failure {
    using Failure::Failure;
};

}  // namespace db
