#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace rules {

/// Why a request goes no further: what the client reads, and what the ledger keeps.
struct Error {
    int status = 500;          ///< HTTP status, as dockerd would choose it
    std::string message;       ///< one sentence, no full stop; never another job's name and never a real name
    std::string rule = {};     ///< the rule that said no; empty when the input was bad or the thing is absent
    std::string field = {};    ///< the field or parameter, dotted: `HostConfig.Privileged`
    std::string value = {};    ///< the refused value as text, for the ledger
    std::string way_out = {};  ///< of a rule: what can be done instead
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> bad_request(std::string message) { return tl::unexpected(Error{400, std::move(message)}); }
inline tl::unexpected<Error> not_found(std::string message) { return tl::unexpected(Error{404, std::move(message)}); }
inline tl::unexpected<Error> conflict(std::string message) { return tl::unexpected(Error{409, std::move(message)}); }

/// A rule says no (403). The message names the field, the rule and the way out:
/// `berth: HostConfig.Privileged is refused by rule "privileged": <way out>`.
tl::unexpected<Error> denied(std::string rule, std::string field, std::string value, const std::string& way_out);

}  // namespace rules
