#pragma once

#include <cstddef>
#include <string>

namespace broker {

/// Takes the immutable and the append-only flag from the directory at `subpath` beneath `root` and from all that is in it: what has one cannot be
/// removed, by nobody. Stays on one file system and follows no link; nothing must run there any more. How many files had one.
/// Blocks; throws std::system_error, EPERM without CAP_LINUX_IMMUTABLE (and CAP_FOWNER for files of others), E2BIG where there is too much.
std::size_t clear_flags(const std::string& root, const std::string& subpath);

}  // namespace broker
