#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/model.h"

// Sizes, times and versions as texts.
namespace rules {

/// Docker's and the kernel's way to write bytes: `64m`, `1.5GiB`, `1024`. `kilo`: what `k` stands for; 1000 in a log's max-size.
/// nullopt: not a size.
std::optional<std::int64_t> parse_size(std::string_view text, std::int64_t kilo = 1024);

/// `2GiB`, `1536KiB`: read back by parse_size.
std::string size_text(std::int64_t bytes);

/// `1.41`.
std::optional<Version> parse_version(std::string_view text);

/// `90s`, `1m30s`, `500ms`, `2h`, `1d` in nanoseconds.
std::optional<std::int64_t> parse_duration(std::string_view text);
/// In its largest unit that leaves no fraction; read back by parse_duration.
std::string duration_text(std::int64_t nanoseconds);

}  // namespace rules
