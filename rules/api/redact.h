#pragma once

#include <string>
#include <string_view>

#include "rules/api/endpoints.h"
#include "rules/api/keyed_hash.h"
#include "rules/json.h"

// Requests as they may be kept and shown: what may be kept of them is listed (rules/api/kept.h), all else is `hidden.<length>.<hash>`. The
// hash is keyed: equal texts look alike, and no more can be told of them. The rules say of such a request what they said of the whole, as
// far as they go by what is listed. Headers are never kept at all.
namespace rules {

class Redactor {
public:
    explicit Redactor(HashKey key) : key_(key) {}

    // `row`: of the request; nullptr when it has none.

    Json body(const Endpoint* row, Json body) const;
    std::string method(const Endpoint* row, const std::string& method) const;
    /// A request's target. The references in its path are names of objects.
    std::string target(const Endpoint* row, std::string_view target) const;
    /// AskedRequest::facts
    Json facts(Json facts) const;
    /// The path of a field that was refused, which holds keys of the client's.
    std::string field(const std::string& field) const;
    /// The value of `field` that was refused: JSON or a text.
    std::string value(const Endpoint* row, std::string_view field, const std::string& value) const;
    /// What an engine says of a failure: without what it quotes, and without what is inside a volume or a container.
    std::string engine_error(std::string_view text) const;

private:
    HashKey key_;
};

}  // namespace rules
