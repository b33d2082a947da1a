#pragma once

#include <filesystem>

#include "rules/profile/profile_file.h"

namespace broker {

/// What an operator wrote in `path`. 400 with what is wrong with the file.
rules::Result<rules::RulesText> read_text(const std::filesystem::path& path);

/// The rules of `path`: a file, or a directory whose *.toml count, in the order of their names. Empty: berth's own
/// profiles alone. 400 with a line for each mistake, or with what is wrong with the file.
rules::Result<rules::Rulebook> read_rulebook(const std::filesystem::path& path);

}  // namespace broker
