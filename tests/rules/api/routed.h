#pragma once

#include "rules/api/route.h"

namespace rules {

const Versions served{{1, 24}, {1, 47}};

/// Where a request goes.
inline Result<Route> find(std::string_view method, std::string_view target)
{
    return find_endpoint(method, target).and_then([](const MatchedEndpoint& row) { return route_to(row, served); });
}

}  // namespace rules
