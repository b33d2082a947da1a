#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "rules/json.h"

// How full a file system is.
namespace broker {

/// `3.2 GiB`.
std::string human(std::uint64_t bytes);

/// In percent; 100 of nothing.
double percent(std::uint64_t part, std::uint64_t whole);

/// A file system, at a path.
struct Space {
    std::string path;
    std::string kind;  ///< `ext4`, `xfs`, `nfs`, ...; a number in hex when we have no name for it
    std::uint64_t bytes = 0, bytes_free = 0;    ///< for root
    std::uint64_t inodes = 0, inodes_free = 0;  ///< 0 of 0: the file system does not count them
    std::string problem;                        ///< why nothing is known
};

/// Of the file system at `path`, or, when it is `made_later`, where it would be made. Blocks.
Space space_at(const std::filesystem::path& path, bool made_later);

/// {"path","kind","bytes","bytes_free","percent_free","problem"}
rules::Json json_of(const Space& space);

}  // namespace broker
