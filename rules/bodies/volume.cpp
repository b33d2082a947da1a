#include <algorithm>
#include <array>

#include "rules/bodies/parts.h"
#include "rules/units.h"

namespace rules {
namespace {

constexpr Field volume_fields[] = {
    rewrite("Name", Type::text),
    check("Driver", Type::text),
    rewrite("DriverOpts", Type::text_map),
    long_texts(rewrite("Labels", Type::text_map)),
    deny("ClusterVolumeSpec", Type::object, "volume-driver", "cluster volumes need a swarm; use a local volume"),
};

constexpr std::string_view only_tmpfs = "a local volume takes no options, or type=tmpfs with device=tmpfs";

/// A size that the kernel reads as we do: it has no fractions, and takes a leading zero for octal.
bool is_plain_size(std::string_view text)
{
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    return digits > 0 && text.front() != '0' && text.size() - digits <= 1;
}

bool is_number(std::string_view text)
{
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

constinit const Schema volume_create_schema{"VolumeCreate", volume_fields};

Result<std::string> tmpfs_options(const std::string& options, const std::string& where, const Profile& profile)
{
    constexpr std::array flags = {"ro",       "rw",       "exec",       "noexec",     "nodev",
                                  "nosuid",   "sync",     "async",      "atime",      "noatime",
                                  "relatime", "diratime", "nodiratime", "norelatime", "defaults"};
    constexpr std::size_t words_max = 64;
    std::string sent;
    const auto add = [&](const std::string& word) { sent += (sent.empty() ? "" : ",") + word; };
    bool sized = false;
    std::size_t words = 0;
    for (const std::string_view given : pieces(options, ',')) {
        if (++words > words_max) return bad_request(where + " has more than " + std::to_string(words_max) + " options");
        std::string word(given);
        const auto [key, value, valued] = cut(given, '=');
        if (word.empty() || word == "dev" || word == "suid") continue;
        if (key == "size") {
            const std::optional<std::int64_t> size = parse_size(value);
            if (!size || *size > profile.tmpfs_max)
                return denied("limits.container.tmpfs_max", where, word,
                              "ask for at most size=" + std::to_string(profile.tmpfs_max));
            if (*size <= 0) continue;  // to the kernel this means without a limit
            if (!is_plain_size(value)) word = "size=" + std::to_string(*size);
            sized = true;
        } else if (key == "mode" || key == "uid" || key == "gid" || key == "nr_inodes") {
            if (!is_number(value)) return bad_request("invalid tmpfs option \"" + word + "\"");
            // Without a number of its own the kernel gives half as many as it has pages; to it 0 means without a limit.
            if (key == "nr_inodes" && (value.size() > 6 || std::stoul(std::string(value)) == 0)) continue;
        } else if (std::ranges::find(flags, word) == flags.end()) {
            return denied("tmpfs", where, word, "give size, mode, uid, gid, nr_inodes or plain mount flags only");
        }
        add(word);
    }
    if (!sized) add("size=" + std::to_string(profile.tmpfs_max));
    return sent;
}

Result<Json> volume_driver_options(const Json& options, const std::string& where, const Profile& profile)
{
    if (options.empty()) return Json::object();
    for (const auto& [key, value] : options.items())
        if (key != "type" && key != "device" && key != "o")
            return denied("volume-options", where + "." + key, value.get<std::string>(), std::string(only_tmpfs));
    // Anything else that mount(2) takes would be the host's: bind, ext4, overlay, nfs.
    for (const char* key : {"type", "device"})
        if (const std::string value = text(options, key); value != "tmpfs")
            return denied("volume-options", where + "." + key, value, std::string(only_tmpfs));
    Result<std::string> allowed = tmpfs_options(text(options, "o"), where + ".o", profile);
    if (!allowed) return tl::unexpected(allowed.error());
    return Json{{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", std::move(*allowed)}};
}

Result<Json> rewrite_volume_create(Json body, const Profile& profile, const RewriteContext& context)
{
    std::string driver = text(body, "Driver");
    if (driver.empty()) driver = "local";
    if (std::ranges::find(profile.volume_drivers, driver) == profile.volume_drivers.end())
        return denied("volumes.drivers", "Driver", driver,
                      profile.volume_drivers.empty() ? "the profile allows no volumes"
                                                     : "use one of " + joined(profile.volume_drivers));
    body["Driver"] = driver;
    if (driver != "local" && !section(body, "DriverOpts").empty())
        return denied("volume-options", "DriverOpts", body["DriverOpts"].dump(), "leave the driver's options out");
    if (body.contains("DriverOpts")) {
        Result<Json> options = volume_driver_options(body["DriverOpts"], "DriverOpts", profile);
        if (!options) return options;
        body["DriverOpts"] = std::move(*options);
    }
    // The engine's own mark of volumes that nobody named; prune goes by it.
    constexpr const char* anonymous = "com.docker.volume.anonymous";
    if (section(body, "Labels").contains(anonymous))
        return denied("reserved-label", "Labels." + std::string(anonymous), text(body["Labels"], anonymous),
                      "leave it out, or create the volume without a name");
    set_labels(body, context);
    return body;
}

}  // namespace rules
