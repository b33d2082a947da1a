#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/profile.h"
#include "rules/result.h"

// URLs that the engine fetches for a job: from the host's own network, where there are services that no container reaches.
namespace rules {

/// The host that is dialled for `url`, `http://` or `https://` in any case and what follows: a name, an IPv4 or an IPv6
/// address without its brackets, in lower case, without the port. nullopt when readers could differ about it, or when it
/// is not there in full: quotes, escapes, variables, a user before it.
std::optional<std::string> host_of_url(std::string_view url);

/// Whether the engine may fetch `url` for a job that may have URLs fetched. `field`: where it stands.
Result<void> check_fetched(std::string_view url, const std::string& field, const Profile& profile);

}  // namespace rules
