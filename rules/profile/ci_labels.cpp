#include "rules/profile/ci_labels.h"

#include <algorithm>
#include <string>

#include "rules/api/until.h"

namespace rules {
namespace {

std::string text_of(const Json& labels, const char* name)
{
    const auto found = labels.find(name);
    return found != labels.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_number(const std::string& text)
{
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

}  // namespace

std::optional<std::int64_t> deadline_of_labels(const Json& labels, std::int64_t now)
{
    if (!labels.is_object()) return std::nullopt;
    std::optional<std::int64_t> deadline;
    const auto consider = [&deadline](std::optional<std::int64_t> moment) {
        if (moment && *moment > 0) deadline = std::min(deadline.value_or(*moment), *moment);
    };
    const std::string timeout = text_of(labels, "com.gitlab.gitlab-runner.job.timeout"), expires = text_of(labels, "io.drone.expires");
    // A duration is so long before now: the deadline lies so long after.
    if (!timeout.empty() && (timeout.ends_with('s') || timeout.ends_with('m') || timeout.ends_with('h')))
        if (const auto before = parse_moment(timeout, now); before && *before < now) consider(now + (now - *before));
    if (is_number(expires)) consider(parse_moment(expires, now));
    return deadline;
}

}  // namespace rules
