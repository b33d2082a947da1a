#include "rules/views/parts.h"
#include "rules/views/views.h"

namespace rules {

using namespace parts;

std::optional<Json> view_exec(Json inspect, const Lookup& job)
{
    const bool is_own = job.by_id(Kind::exec, text_or_empty(inspect, "ID")) ||
                        job.by_id(Kind::container, text_or_empty(inspect, "ContainerID"));
    if (!is_own) return std::nullopt;
    hide_pid(inspect);
    scrub_all(inspect, job.key());
    return inspect;
}

}  // namespace rules
