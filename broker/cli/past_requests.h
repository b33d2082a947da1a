#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "db/ledger.h"
#include "rules/json.h"
#include "rules/judge/verdict.h"

// The requests that the ledger has, for the commands that read them.
namespace broker {

/// All requests that `filter` lets through, in portions of `filter.most`, from the daemon; where none runs, from the ledger
/// in `state_dir`.
std::vector<rules::Json> past_requests(const std::string& admin, const std::filesystem::path& state_dir, db::RequestFilter filter);

/// A request of the past, to be judged again; nullopt when the ledger has not all of it.
std::optional<rules::AskedRequest> asked_of(const rules::Json& request);

}  // namespace broker
