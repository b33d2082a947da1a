#include <algorithm>

#include "rules/bodies/parts.h"

// What one container gets of memory, CPU and processes: the profile's ceilings, and its values for those who ask for
// none.
namespace rules {
namespace {

constexpr std::int64_t billion = 1'000'000'000;
constexpr std::int64_t default_period = 100'000;  ///< the kernel's, in microseconds
constexpr std::int64_t longest_period = 1'000'000;

/// Below zero and 0 mean no limit. `most`: 0 for none.
std::int64_t capped(std::int64_t asked, std::int64_t otherwise, std::int64_t most)
{
    if (asked <= 0) asked = otherwise > 0 ? otherwise : most;
    return most > 0 ? std::min(asked, most) : asked;
}

void cap_memory(Json& holder, const Profile& profile, bool create)
{
    if (!create && !holder.contains("Memory") && !holder.contains("MemorySwap")) return;
    const std::int64_t asked = integer(holder, "Memory");
    const std::int64_t most = profile.container_memory_max;
    if (create || asked != 0) {
        const std::int64_t given = capped(asked, create ? profile.container_memory : 0, most);
        if (given > 0) {
            holder["Memory"] = given;
            if (integer(holder, "MemoryReservation") > given) holder["MemoryReservation"] = given;
        }
    }
    if (most <= 0) return;
    // Memory and swap together: the engine gives twice the memory where nothing is said.
    const std::int64_t swap = integer(holder, "MemorySwap");
    if (swap < 0 || swap > 2 * most || (swap != 0 && swap < integer(holder, "Memory"))) {
        holder.erase("MemorySwap");
        if (!create && holder.contains("Memory")) holder["MemorySwap"] = 2 * integer(holder, "Memory");
        if (!create && !holder.contains("Memory")) holder["MemorySwap"] = 2 * most;
    }
}

/// All ways to say it become one quota in one period: a later change of the period cannot raise the share, and unlike
/// NanoCpus a quota may be above what the host has.
void cap_cpus(Json& holder, const Profile& profile, bool create)
{
    const std::int64_t most = profile.container_nano_cpus_max;
    const std::int64_t otherwise = create ? profile.container_nano_cpus : 0;
    const bool asks = holder.contains("NanoCpus") || holder.contains("NanoCPUs") || holder.contains("CpuQuota");
    if (most <= 0 && (otherwise <= 0 || asks)) return;
    std::int64_t asked = std::max(integer(holder, "NanoCpus"), integer(holder, "NanoCPUs"));
    if (const std::int64_t quota = integer(holder, "CpuQuota"); asked <= 0 && quota > 0) {
        const std::int64_t period = integer(holder, "CpuPeriod") > 0 ? integer(holder, "CpuPeriod") : default_period;
        asked = period > longest_period || quota > 1000 * period ? 0 : quota * billion / period;
    }
    for (const char* field : {"NanoCpus", "NanoCPUs", "CpuQuota", "CpuPeriod"}) holder.erase(field);
    if (!create && !asks) return;
    holder["CpuPeriod"] = default_period;
    holder["CpuQuota"] = std::max<std::int64_t>(1000, capped(asked, otherwise, most) / (billion / default_period));
}

void cap_pids(Json& holder, const Profile& profile, bool create)
{
    if (!create && !holder.contains("PidsLimit")) return;
    const std::int64_t given =
        capped(integer(holder, "PidsLimit"), create ? profile.container_pids : 0, profile.container_pids_max);
    if (given > 0) holder["PidsLimit"] = given;
}

}  // namespace

void cap_limits(Json& holder, const Profile& profile, bool create)
{
    cap_memory(holder, profile, create);
    cap_cpus(holder, profile, create);
    cap_pids(holder, profile, create);
}

void cap_build_limits(Json& limits, const Profile& profile)
{
    cap_memory(limits, profile, true);
    cap_cpus(limits, profile, true);
}

}  // namespace rules
