#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace db {

/// A ledger as seen from outside.
struct Checked {
    bool there = false;
    bool in_use = false;  ///< a process has its lock
    std::int64_t schema = 0;
    std::int64_t jobs = 0;  ///< that are not closed
    std::string problem;    ///< why no berth can use it, or this one cannot; empty when nothing is wrong
};

/// Looks at `file` beside whoever uses it: takes no lock of ours, migrates and changes nothing. Reads the whole of it.
Checked check_ledger(const std::filesystem::path& file);

}  // namespace db
