#include <algorithm>
#include <array>

#include "rules/names/names.h"
#include "rules/views/parts.h"
#include "rules/views/views.h"

namespace rules {

using namespace parts;

namespace {

enum class Shape : std::uint8_t { boolean, number, text };

struct Fact {
    std::string_view key;
    Shape shape;
};

/// What /info may say of the host as it is; everything else is made up below or left out.
constexpr std::array open_facts = {
    // clang-format off
    Fact{"Driver", Shape::text}, Fact{"MemoryLimit", Shape::boolean}, Fact{"SwapLimit", Shape::boolean},
    Fact{"KernelMemory", Shape::boolean}, Fact{"KernelMemoryTCP", Shape::boolean}, Fact{"CpuCfsPeriod", Shape::boolean},
    Fact{"CpuCfsQuota", Shape::boolean}, Fact{"CPUShares", Shape::boolean}, Fact{"CPUSet", Shape::boolean},
    Fact{"PidsLimit", Shape::boolean}, Fact{"IPv4Forwarding", Shape::boolean}, Fact{"BridgeNfIptables", Shape::boolean},
    Fact{"BridgeNfIp6tables", Shape::boolean}, Fact{"OomKillDisable", Shape::boolean}, Fact{"SystemTime", Shape::text},
    Fact{"LoggingDriver", Shape::text}, Fact{"CgroupDriver", Shape::text}, Fact{"CgroupVersion", Shape::text},
    Fact{"KernelVersion", Shape::text}, Fact{"OperatingSystem", Shape::text}, Fact{"OSVersion", Shape::text},
    Fact{"OSType", Shape::text}, Fact{"Architecture", Shape::text}, Fact{"IndexServerAddress", Shape::text},
    Fact{"NCPU", Shape::number}, Fact{"MemTotal", Shape::number}, Fact{"ExperimentalBuild", Shape::boolean},
    Fact{"ServerVersion", Shape::text}, Fact{"LiveRestoreEnabled", Shape::boolean}, Fact{"Isolation", Shape::text},
    // clang-format on
};

bool has_shape(const Json& value, Shape shape)
{
    switch (shape) {
        case Shape::boolean:
            return value.is_boolean();
        case Shape::number:
            return value.is_number();
        case Shape::text:
            return value.is_string();
    }
    return false;
}

/// The texts in the list `key` that `is_open` agrees to.
template <class Predicate>
Json open_texts(Json& value, std::string_view key, Predicate is_open)
{
    Json shown = Json::array();
    if (const auto* items = list_at(value, key))
        for (const Json& item : *items)
            if (const auto* text = item.get_ptr<const std::string*>(); text && is_open(*text)) shown.push_back(*text);
    return shown;
}

/// Pairs of texts; the names of pools, devices and directories are the host's own business.
Json view_driver_status(Json& info)
{
    constexpr std::array<std::string_view, 6> open = {"Backing Filesystem",  "Supports d_type", "Using metacopy",
                                                      "Native Overlay Diff", "userxattr",       "driver-type"};
    Json shown = Json::array();
    if (const auto* pairs = list_at(info, "DriverStatus"))
        for (const Json& pair : *pairs) {
            if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) continue;
            if (std::ranges::find(open, pair[0].get_ref<const std::string&>()) != open.end()) shown.push_back(pair);
        }
    return shown;
}

Json view_plugins(Json& info)
{
    static constexpr std::array<std::string_view, 3> drivers = {"json-file", "local", "none"};
    Json* plugins = at(info, "Plugins");
    Json logs = Json::array();
    if (plugins)
        logs = open_texts(*plugins, "Log",
                          [](const std::string& log) { return std::ranges::find(drivers, log) != drivers.end(); });
    Json shown = {{"Volume", Json::array({"local"})}, {"Authorization", nullptr}, {"Log", std::move(logs)}};
    shown["Network"] = Json::array({"bridge", "host", "null"});
    return shown;
}

/// `name=seccomp,profile=<path>`: the path is left out.
Json view_security_options(Json& info)
{
    Json options = open_texts(info, "SecurityOptions", [](const std::string&) { return true; });
    for (Json& option : options) {
        auto& text = option.get_ref<std::string&>();
        if (const std::size_t path = text.find('/'); path != text.npos) text = text.substr(0, text.rfind(',', path));
    }
    return options;
}

/// What clients expect to find, as a fresh Docker of the job's own would have it.
Json made_up()
{
    Json shown = {{"ID", ""},
                  {"Name", "berth"},
                  {"HttpProxy", ""},
                  {"HttpsProxy", ""},
                  {"NoProxy", ""},
                  {"Debug", false},
                  {"NFd", 0},
                  {"NGoroutines", 0},
                  {"NEventsListener", 0},
                  {"Warnings", nullptr},
                  {"InitBinary", "docker-init"},
                  {"DefaultRuntime", "runc"},
                  {"DockerRootDir", "/var/lib/docker"},
                  {"GenericResources", nullptr}};
    for (const char* key : {"Labels", "CDISpecDirs", "DiscoveredDevices"}) shown[key] = Json::array();
    for (const char* key : {"ContainerdCommit", "RuncCommit", "InitCommit"})
        shown[key] = {{"ID", ""}, {"Expected", ""}};
    shown["Runtimes"]["runc"]["path"] = "runc";
    shown["Swarm"] = {
        {"NodeID", ""}, {"NodeAddr", ""},           {"LocalNodeState", "inactive"}, {"ControlAvailable", false},
        {"Error", ""},  {"RemoteManagers", nullptr}};
    Json hub = {{"Name", "docker.io"}, {"Mirrors", Json::array()}, {"Secure", true}, {"Official", true}};
    Json& registries = shown["RegistryConfig"];
    registries["IndexConfigs"]["docker.io"] = std::move(hub);
    registries["InsecureRegistryCIDRs"] = Json::array({"::1/128", "127.0.0.0/8"});
    for (const char* key :
         {"Mirrors", "AllowNondistributableArtifactsCIDRs", "AllowNondistributableArtifactsHostnames"})
        registries[key] = Json::array();
    return shown;
}

}  // namespace

std::optional<Json> view_info(Json info, const Counts& counts)
{
    if (!info.is_object()) return std::nullopt;
    Json shown = made_up();
    for (const Fact& fact : open_facts)
        if (const Json* value = at(info, fact.key); value && has_shape(*value, fact.shape))
            shown[std::string(fact.key)] = *value;
    shown["Containers"] = counts.running + counts.paused + counts.stopped;
    shown["ContainersRunning"] = counts.running;
    shown["ContainersPaused"] = counts.paused;
    shown["ContainersStopped"] = counts.stopped;
    shown["Images"] = counts.images;
    shown["DriverStatus"] = view_driver_status(info);
    shown["Plugins"] = view_plugins(info);
    shown["SecurityOptions"] = view_security_options(info);
    return shown;
}

std::optional<Json> view_version(Json version, Version oldest, Version newest)
{
    if (!text_at(version, "ApiVersion")) return std::nullopt;
    version["ApiVersion"] = to_string(newest);
    version["MinAPIVersion"] = to_string(oldest);
    if (auto* components = list_at(version, "Components"))
        for (Json& component : *components)
            if (Json* details = at(component, "Details"); details && text_or_empty(component, "Name") == "Engine") {
                replace(*details, "ApiVersion", to_string(newest));
                replace(*details, "MinAPIVersion", to_string(oldest));
            }
    return version;
}

}  // namespace rules
