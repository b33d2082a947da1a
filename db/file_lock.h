#pragma once

#include <filesystem>

namespace db {

/// Keeps a database file for this process: holds flock(2) on `<file>.lock`, which stays when the lock goes. The kernel
/// drops the lock of a process that dies.
class FileLock {
public:
    /// Takes the lock, then makes `file` if it is absent; both files become the owner's alone (0600).
    /// Errors: Busy when somebody has it, Failure when a file cannot be made.
    explicit FileLock(const std::filesystem::path& file);
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

private:
    int descriptor_;
};

}  // namespace db
