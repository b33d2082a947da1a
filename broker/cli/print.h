#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/cli/diagnosis.h"
#include "rules/json.h"

// What the commands print for people, of the daemon's JSON.
namespace broker {

void print_json(const rules::Json& json);

/// `90s`, `5m`, `2h`, `3d`: the time since `since`, in one unit.
std::string age_of(std::int64_t since);

/// `90`, `90s`, `5m`, `2h`, `1d` as seconds; throws what is wrong with it.
std::int64_t seconds_of(const std::string& text);

void print_jobs(const rules::Json& jobs);
void print_job(const rules::Json& job);
void print_status(const rules::Json& status);
void print_findings(const std::vector<Finding>& findings);
/// Of a closed job, and of a cleanup. The exit status: 0 only if nothing is left.
int print_report(const rules::Json& report);
int print_cleanup(const rules::Json& report);

}  // namespace broker
