#include <algorithm>
#include <set>

#include "broker/engine/images.h"
#include "broker/operations/operations.h"
#include "rules/policy/endpoint_policy.h"

// Whether a job may have more.
namespace broker {

void check_room(Call& call, rules::Kind kind, std::size_t more)
{
    const std::size_t count = call.job.objects.requested(kind) + more - std::min<std::size_t>(more, 1);
    enforce(call, [&](const rules::Profile& profile) { return rules::check_count(kind, count, profile); });
}

Task<> check_room_for_bytes(Call& call)
{
    if (call.job.profile.job_image_bytes == 0) co_return;
    std::set<std::string> ids;
    for (const db::Object& each : call.job.objects.all(rules::Kind::image))
        if (!each.id.empty()) ids.insert(each.id);
    std::int64_t bytes = 0;
    for (const std::string& id : ids)
        if (const auto image = co_await call.services.images.inspect(id)) bytes += image->value("Size", std::int64_t{0});
    enforce(call, [&](const rules::Profile& profile) { return rules::check_image_bytes(bytes, profile); });
}

}  // namespace broker
