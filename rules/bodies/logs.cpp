#include <algorithm>
#include <array>
#include <charconv>

#include "rules/bodies/parts.h"
#include "rules/names/names.h"
#include "rules/units.h"

// Where a container's output goes: into bounded files of the host, or nowhere.
namespace rules {
namespace {

constexpr std::array kept_options = {"max-size", "max-file", "compress", "labels", "env", "env-regex", "tag"};

/// The engine reads sizes of logs in powers of it, and all others in powers of 1024.
constexpr std::int64_t thousand = 1000;

/// dockerd would hold up to max-buffer-size in its own memory. And `docker logs --details` would show our labels by a
/// pattern, and by a template all that the engine knows of the container: its name there, the path of its log.
bool is_dropped(std::string_view option, std::string_view value)
{
    return option == "mode" || option == "max-buffer-size" || option.starts_with("cache-") ||
           option == "labels-regex" || (option == "tag" && value.find("{{") != value.npos);
}

/// A list of labels without ours.
std::string clients_labels(const std::string& list)
{
    std::string out;
    for (const std::string_view label : pieces(list, ','))
        if (!is_own_label(label)) out.append(out.empty() ? "" : ",").append(label);
    return out;
}

bool writes_files(std::string_view driver)
{
    return driver == "json-file" || driver == "local";
}

std::optional<std::int64_t> parse_count(std::string_view text)
{
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

Result<void> judge_log_config(const Json& host, const Profile& profile)
{
    const Json& log = section(host, "LogConfig");
    const std::string driver = text(log, "Type");
    if (!driver.empty() && std::ranges::find(profile.log_drivers, driver) == profile.log_drivers.end())
        return denied("logs.drivers", "HostConfig.LogConfig.Type", driver,
                      "use one of " + joined(profile.log_drivers) + ", or leave it out");
    const Json& options = section(log, "Config");
    for (const auto& [key, value] : options.items())
        if (!is_dropped(key, value.get<std::string>()) && std::ranges::find(kept_options, key) == kept_options.end())
            return denied("log-options", "HostConfig.LogConfig.Config." + key, value.get<std::string>(),
                          "leave it out");
    if (const std::string size = text(options, "max-size"); !size.empty() && !parse_size(size, thousand))
        return bad_request("invalid value for max-size: " + size);
    if (const std::string count = text(options, "max-file"); !count.empty() && !parse_count(count))
        return bad_request("invalid value for max-file: " + count);
    return {};
}

void rewrite_log_config(Json& host, const Profile& profile)
{
    const Json& log = section(host, "LogConfig");
    std::string driver = text(log, "Type");
    // The engine's own default may be any driver: say which is meant.
    if (driver.empty() && !profile.log_drivers.empty()) driver = profile.log_drivers.front();

    Json options = Json::object();
    if (driver != "none")
        for (const auto& [key, value] : section(log, "Config").items())
            if (const auto given = value.get<std::string>(); !is_dropped(key, given))
                options[key] = key == "labels" ? clients_labels(given) : given;
    if (writes_files(driver)) {
        const std::int64_t size = parse_size(text(options, "max-size"), thousand).value_or(0);
        if (size <= 0 || size > profile.log_size_max) options["max-size"] = std::to_string(profile.log_size_max);
        const std::int64_t count = parse_count(text(options, "max-file")).value_or(0);
        if (count <= 0 || count > profile.log_files_max) options["max-file"] = std::to_string(profile.log_files_max);
    }
    host["LogConfig"] = {{"Type", driver}, {"Config", std::move(options)}};
}

}  // namespace rules
