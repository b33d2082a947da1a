#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "rules/model.h"
#include "rules/names/paths.h"
#include "rules/result.h"

namespace rules {

/// What one job has, as the decisions and the views need it. The broker implements it over the job's tables, tests over maps.
///
/// References resolve in dockerd's order (full id, exact name, unique id prefix) and never reach beyond the job. Errors are
/// dockerd's own 404 texts, naming what the client wrote.
class Lookup {
public:
    virtual ~Lookup() = default;

    /// The job's key (rules/names/names.h).
    virtual std::string_view key() const = 0;

    virtual Result<Named> container(std::string_view reference) const = 0;
    /// `bridge` and `default` are the job's own default network; 404 until it has been made.
    virtual Result<Named> network(std::string_view reference) const = 0;
    virtual Result<Named> volume(std::string_view name) const = 0;
    virtual Result<Named> image(std::string_view reference) const = 0;
    virtual Result<Named> exec(std::string_view id) const = 0;

    /// The object with the engine's full id (a volume: its real name); nullptr when it is not this job's.
    virtual const Named* by_id(Kind kind, std::string_view id) const = 0;

    /// Every familiar reference (`app:latest`, `repo@sha256:...`) under which the job knows the image `id`; empty when it knows none.
    virtual std::vector<std::string> references_of(std::string_view image_id) const = 0;

    /// True when the image that the job calls `reference` (familiar) was pulled, or is being pulled.
    virtual bool is_pulled(std::string_view reference) const = 0;

    /// True when at `moment` (nanoseconds since 1970) a push of this job's had `reference` (familiar) for itself.
    virtual bool is_pushed(std::string_view reference, std::int64_t moment) const = 0;

    /// What of the job's own file system can be bound into its containers; nothing, unless the job has an anchor or a workspace.
    virtual const JobPaths& paths() const
    {
        static const JobPaths none;
        return none;
    }
};

}  // namespace rules
