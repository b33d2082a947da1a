#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/api/endpoints.h"
#include "rules/query.h"
#include "rules/result.h"

namespace rules {

/// The API versions that are served: [oldest, newest].
struct Versions {
    Version oldest = oldest_version;
    Version newest = newest_version;
};

/// Where a request goes: its row, its canonical version, the object named in its path, and the parameters that go on.
struct Route {
    const Endpoint* endpoint = nullptr;
    Version version;
    std::string id;  ///< decoded reference of the object, as the client wrote it; empty when the path has none
    Query query;     ///< dropped and forced parameters are gone, booleans are `1` or `0`
};

/// The row that a request is for, and what its target says besides.
struct MatchedEndpoint {
    const Endpoint* endpoint = nullptr;
    std::optional<Version> version;  ///< as asked
    std::string id;                  ///< decoded
    std::string_view query;          ///< of the target, as it was written
};

/// The row that serves `method target`. Only origin-form targets in canonical spelling match.
///
/// 404 `page not found` for what is not in the table (as dockerd), 400 for a target that dockerd and we might read differently
/// (`//`, dot segments, `%2f`, control characters, `;`, non-ASCII, odd version spellings).
Result<MatchedEndpoint> find_endpoint(std::string_view method, std::string_view target);

/// `row` as it is served: 400 for versions that are too old, with dockerd's own sentence, and for bad, repeated or ill-typed parameters; 403
/// for denied ones; a closed row's own answer.
Result<Route> route_to(MatchedEndpoint row, const Versions& versions);

/// The request target that we write: `/v1.47/containers/<id>/json?size=1`.
std::string target_of(const Endpoint& endpoint, Version version, std::string_view id, const Query& query);

}  // namespace rules
