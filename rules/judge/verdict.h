#pragma once

#include <string>
#include <string_view>

#include "rules/api/route.h"
#include "rules/json.h"
#include "rules/names/lookup.h"
#include "rules/profile.h"

// One request under one profile, without an engine and without a job: for `berth rules`, and for requests of the past.
namespace rules {

/// A request as a client wrote it.
struct AskedRequest {
    std::string method;
    std::string target;
    Json body = {};  ///< null: none, or one that is not JSON
    /// What was known besides when it was judged: `image`, what the image of a new container brings in (User, ExposedPorts,
    /// Healthcheck); `pulls`, the references that a build pulled as its bases.
    Json facts = Json::object();
};

struct Verdict {
    const Endpoint* endpoint = nullptr;  ///< nullptr: there is none
    Outcome outcome = Outcome::allowed;
    Error error = {};  ///< why it is not plainly allowed
};

/// The verdict on `asked`, by the functions that the daemon asks in the same order: route, endpoint, schema, body. `job`
/// says what references resolve to. How much a job has already (limits.job.*) is not known here, and bounds nothing.
Verdict judge_request(const AskedRequest& asked, const Lookup& job, const Profile& profile,
                      const Versions& versions = {});

/// What of an image's config a container's judgement depends on: the fact `image`.
Json image_facts(const Json& config);

/// A job that has whatever is named, but for named volumes, which are always made: every path is its own.
class AnyLookup : public Lookup {
public:
    std::string_view key() const override;
    Result<Named> container(std::string_view reference) const override;
    Result<Named> network(std::string_view reference) const override;
    Result<Named> volume(std::string_view name) const override;
    Result<Named> image(std::string_view reference) const override;
    Result<Named> exec(std::string_view id) const override;
    const Named* by_id(Kind, std::string_view) const override { return nullptr; }
    std::vector<std::string> references_of(std::string_view) const override { return {}; }
    bool is_pulled(std::string_view) const override { return true; }
    bool is_pushed(std::string_view, std::int64_t) const override { return false; }
    const JobPaths& paths() const override;
};

}  // namespace rules
