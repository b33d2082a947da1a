#pragma once

#include <filesystem>
#include <string>

#include "broker/host/file.h"

// Paths beneath a directory that a job can write, opened so that no link leads out of it, and held by mounts.
// Everything blocks and throws std::system_error.
namespace broker {

/// What is at `path`, without opening it for reading or writing.
File open_root(const std::string& path);

/// What is at `subpath` beneath `root`. Links inside are followed, EXDEV for one that leads out or is absolute, ELOOP
/// for one of the kernel's.
File open_beneath(const File& root, const std::string& subpath);

/// The same; directories that are not there are made, as the owner of `root` where he may.
File make_beneath(const File& root, const std::string& subpath);

/// Mounts `file` on a new entry of `directory`, whatever becomes of its name later; the entry's path.
std::filesystem::path pin(const File& file, const std::filesystem::path& directory, const std::string& name);
/// The next free number as the name.
std::filesystem::path pin(const File& file, const std::filesystem::path& directory);
/// Unmounts it and removes the entry; never what was mounted.
void unpin(const std::filesystem::path& entry) noexcept;
/// All of `directory`, and the directory.
void unpin_all(const std::filesystem::path& directory) noexcept;

/// False when the process at the other end of the unix socket `engine` finds something else at `path` than we do.
bool sees(const std::string& engine, const std::filesystem::path& path);

/// True when another user than root may put something else in the place of the directory `path`.
bool can_be_moved(const std::filesystem::path& path);

}  // namespace broker
