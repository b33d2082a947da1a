#pragma once

#include <cstdint>
#include <string>

#include "rules/json.h"

// How the commands read and write what is common to them.
namespace broker {

void print_json(const rules::Json& json);

/// `90s`, `5m`, `2h`, `3d`: the time since `since`, in one unit.
std::string age_of(std::int64_t since);

/// `90`, `90s`, `5m`, `2h`, `1d` as seconds; throws what is wrong with it.
std::int64_t seconds_of(const std::string& text);

}  // namespace broker
