#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "rules/api/filters.h"
#include "rules/result.h"

namespace rules {

/// The `until` filter as Unix seconds: a Unix time, an RFC 3339 date, or a Go duration (`24h`, `1h30m`) before `now`. nullopt when it
/// is not given; 400 when it is malformed or given twice, as dockerd.
Result<std::optional<std::int64_t>> until_of(const Filters& filters, std::int64_t now);

/// A moment as `since` and `until` parameters write it.
std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now);

/// `SECONDS[.FRACTION]` since 1970, as the events' `since` and `until` are written. nullopt when it is empty or
/// -1, as for dockerd; 400 when it is malformed. What is farther than 285 years is that far.
Result<std::optional<std::chrono::nanoseconds>> timestamp_of(std::string_view text);

/// RFC 3339 (`2026-01-02T03:04:05.6Z`, `2026-01-02T03:04:05+01:00`, `2026-01-02`) as Unix seconds; UTC when it has no zone.
std::optional<std::int64_t> parse_date(std::string_view text);

}  // namespace rules
