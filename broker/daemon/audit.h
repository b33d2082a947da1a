#pragma once

#include <string>

#include "db/ledger.h"
#include "rules/json.h"
#include "rules/query.h"

// The requests that the ledger has, as the administration socket tells them.
namespace broker {

rules::Json json_of(const db::Request& request);

/// The filter as a target of the administration socket, and back.
std::string target_of(const db::RequestFilter& filter);
db::RequestFilter filter_of(const rules::Query& query);

}  // namespace broker
