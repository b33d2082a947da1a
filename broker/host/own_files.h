#pragma once

#include <filesystem>

#include "broker/host/beneath.h"

// The directories that are berth's own: nobody else can write them, nobody else can read them, and no link in them is followed.
namespace broker {

/// `path`, which is made unless it is there, open. Throws std::system_error when it is a link or no directory, is another user's, or others
/// may write in it: then what is in it may be theirs too. What others may only read is closed to them.
File own_directory(const std::filesystem::path& path);

}  // namespace broker
