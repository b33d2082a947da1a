#include <algorithm>
#include <array>

#include "rules/bodies/parts.h"

// What a container may take of the host, at its creation and later.
namespace rules {
namespace {

Result<void> judge_ulimit(const Json& limit, const std::string& where, const Profile& profile)
{
    // The engine folds names to upper case as Unicode does: only the exact ones are sure to be what they look like.
    constexpr std::array names = {"core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
                                  "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
    constexpr std::array never_raised = {"core", "nice", "rtprio"};  // a core dump is handled by the host's root
    constexpr std::array never_unlimited = {"memlock", "msgqueue", "sigpending"};
    const auto is_among = [](const auto& list, const std::string& name) {
        return std::ranges::find(list, name) != list.end();
    };

    const std::string name = text(limit, "Name");
    const std::int64_t soft = integer(limit, "Soft");
    const std::int64_t hard = integer(limit, "Hard");
    const auto refused = [&](const std::string& way_out) {
        return denied("ulimits", where, name + "=" + std::to_string(soft) + ":" + std::to_string(hard), way_out);
    };
    if (!is_among(names, name)) return bad_request("invalid ulimit type: " + name);
    if (!is_among(profile.ulimits_allowed, name)) return denied("ulimits.allowed", where, name, "leave it out");
    if (is_among(never_raised, name) && (soft != 0 || hard != 0))
        return refused("give " + name + "=0, or leave it out");
    if (is_among(never_unlimited, name) && (soft < 0 || hard < 0)) return refused("give a number, not unlimited");
    const auto above = [&](std::int64_t value) { return value < 0 || value > profile.nofile_max; };
    if (name == "nofile" && (above(soft) || above(hard)))
        return denied("ulimits.nofile_max", where, std::to_string(soft) + ":" + std::to_string(hard),
                      "give at most " + std::to_string(profile.nofile_max));
    return {};
}

}  // namespace

Result<void> judge_resources(const Json& holder, const std::string& where, const Profile& profile)
{
    std::size_t at = 0;
    for (const Json& limit : section(holder, "Ulimits"))
        if (auto judged = judge_ulimit(limit, where + "Ulimits[" + std::to_string(at++) + "]", profile); !judged)
            return judged;
    return judge_devices(holder, where, profile);
}

Result<void> judge_restart_policy(const Json& holder, const std::string& where, const Profile& profile)
{
    const std::string name = text(section(holder, "RestartPolicy"), "Name");
    if (name.empty() || std::ranges::find(profile.restart_policies, name) != profile.restart_policies.end()) return {};
    const bool known = name == "no" || name == "always" || name == "on-failure" || name == "unless-stopped";
    if (!known) return {};  // the engine says what is wrong with it
    return denied("restart.policies", where + "RestartPolicy.Name", name,
                  "give one of " + joined(profile.restart_policies) + ", or leave it out");
}

void cap_restart_policy(Json& holder, const Profile& profile)
{
    if (!holder.contains("RestartPolicy")) return;
    Json& policy = holder["RestartPolicy"];
    const std::string name = text(policy, "Name");
    if (name == "always" || name == "unless-stopped") {
        policy = {{"Name", "on-failure"}, {"MaximumRetryCount", profile.restart_retries_max}};
        return;
    }
    // To on-failure a count of 0 means for ever.
    const std::int64_t count = integer(policy, "MaximumRetryCount");
    if (count > profile.restart_retries_max || (name == "on-failure" && count == 0))
        policy["MaximumRetryCount"] = profile.restart_retries_max;
}

Result<Json> rewrite_container_update(Json body, const Profile& profile)
{
    if (const Result<void> judged = judge_resources(body, "", profile); !judged) return tl::unexpected(judged.error());
    if (const Result<void> judged = judge_restart_policy(body, "", profile); !judged)
        return tl::unexpected(judged.error());
    cap_restart_policy(body, profile);
    cap_limits(body, profile, false);
    drop_no_devices(body);
    return body;
}

}  // namespace rules
