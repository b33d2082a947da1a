#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/exchange/call.h"

// What a request to build is made of besides its context.
namespace broker {

/// A parameter that holds JSON, read strictly and written anew; nothing when it is empty.
std::optional<rules::Json> json_parameter(const rules::Query& query, std::string_view key);

/// The tags that the build is to give its result: familiar, each with a tag. 400 as the engine says it.
std::vector<std::string> claimed_tags(const rules::Query& query);

/// The query that is sent: ours where it decides about the host, the client's where it only shapes the image. `tags` are
/// the engine's references for the result.
Task<rules::Query> build_query(Call& call, const std::vector<std::string>& tags);

/// What of X-Registry-Config is for the registry `domain`, as X-Registry-Auth; empty when nothing is.
std::string auth_for(std::string_view domain, std::string_view registry_config);

}  // namespace broker
