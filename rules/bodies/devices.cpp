#include <algorithm>

#include "rules/bodies/parts.h"

// Devices of the host that a container may have, by the profile's lists; and its runtime.
namespace rules {
namespace {

constexpr const char* no_device = "run without it; ask the operator for a profile that grants the device";

bool is_among(const std::vector<std::string>& list, const std::string& text)
{
    return std::ranges::find(list, text) != list.end();
}

Result<void> judge_device(const Json& device, const std::string& where, const Profile& profile)
{
    const std::string path = text(device, "PathOnHost");
    if (!is_among(profile.devices_allowed, path))
        return denied("devices.allowed", where + ".PathOnHost", path, no_device);
    const std::string permissions = text(device, "CgroupPermissions");
    if (permissions.find_first_not_of("rwm") != permissions.npos)
        return bad_request("invalid device mode: " + permissions);
    return {};
}

/// GPUs by the engine's own driver, or named CDI devices.
Result<void> judge_request(const Json& request, const std::string& where, const Profile& profile)
{
    const std::string driver = text(request, "Driver");
    if (driver == "cdi") {
        const Json& ids = section(request, "DeviceIDs");
        for (const Json& id : ids)
            if (!is_among(profile.cdi_allowed, id.get<std::string>()))
                return denied("devices.cdi", where + ".DeviceIDs", id.get<std::string>(), no_device);
        if (!ids.empty()) return {};
        return bad_request("a CDI device request names its devices");
    }
    for (const Json& all : section(request, "Capabilities"))
        if (!all.is_array() || !std::ranges::all_of(all, [](const Json& each) { return each.is_string(); }))
            return bad_request("invalid JSON: " + where + ".Capabilities must be a list of lists of strings");
    const bool gpu = driver.empty() || driver == "nvidia";
    if (!gpu || !profile.gpus_allowed) return denied("devices.gpus", where, request.dump(), no_device);
    return {};
}

}  // namespace

Result<void> judge_devices(const Json& holder, const std::string& where, const Profile& profile)
{
    std::size_t at = 0;
    for (const Json& device : section(holder, "Devices"))
        if (auto judged = judge_device(device, where + "Devices[" + std::to_string(at++) + "]", profile); !judged)
            return judged;
    at = 0;
    for (const Json& request : section(holder, "DeviceRequests"))
        if (auto judged = judge_request(request, where + "DeviceRequests[" + std::to_string(at++) + "]", profile);
            !judged)
            return judged;
    return {};
}

void drop_no_devices(Json& holder)
{
    for (const char* field : {"Devices", "DeviceRequests", "Runtime"})
        if (const auto found = holder.find(field); found != holder.end() && is_zero(*found)) holder.erase(found);
}

Result<void> judge_runtime(const Json& host, const Profile& profile)
{
    const std::string runtime = text(host, "Runtime");
    if (runtime.empty() || runtime == profile.runtime_forced || is_among(profile.runtimes_allowed, runtime)) return {};
    return denied("runtime.allowed", "HostConfig.Runtime", runtime,
                  "leave it out; ask the operator for a profile that allows the runtime");
}

}  // namespace rules
