#pragma once

#include <functional>
#include <string>

#include "rules/buildkit/messages.pb.h"

// The engine's answers about builds as the job may see them.
namespace rules {

/// A text for the job: without real names.
using ShownText = std::function<std::string(std::string)>;

void show_status(buildkit::StatusResponse& status, const ShownText& shown);
void show_solve(buildkit::SolveResponse& solved, const ShownText& shown);
/// Of the worker only what a client decides by; `gateway`: the job's own address.
void show_worker(buildkit::WorkerRecord& worker, const std::string& gateway);

}  // namespace rules
