#include "rules/buildkit/attributes.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "rules/bodies/bodies.h"
#include "rules/names/addresses.h"
#include "rules/names/names.h"
#include "rules/units.h"

namespace rules {
namespace {

/// The value that is sent; nullopt: the attribute is left out.
using Judged = Result<std::optional<std::string>>;
/// `name`: what stands behind the prefix of a row that ends in `:`, else the whole attribute.
using Judge = Judged (*)(const std::string& name, const std::string& value, const Profile& profile, const BuildingJob& job);

Judged pass(const std::string&, const std::string& value, const Profile&, const BuildingJob&) { return value; }
Judged drop(const std::string&, const std::string&, const Profile&, const BuildingJob&) { return std::nullopt; }

Judged no_frontend(const std::string& name, const std::string& value, const Profile&, const BuildingJob&)
{
    return denied("frontend", name, value, "leave it out: Dockerfiles are read by the engine's own frontend");
}

Judged network(const std::string& name, const std::string& value, const Profile& profile, const BuildingJob&)
{
    Result<std::string> mode = judge_build_network(value, profile);
    if (!mode) {
        mode.error().field = name;
        return tl::unexpected(std::move(mode.error()));
    }
    if (*mode == "none") return *mode;
    // Steps are on the engine's own bridge, where nothing tells a service of the host from what is outside.
    if (*mode == "bridge" && !profile.host_reachable) return std::string("none");
    if (*mode == "bridge") return std::nullopt;
    return bad_request("network mode \"" + value.substr(0, 200) + "\" not supported by buildkit");
}

Judged label(const std::string& name, const std::string& value, const Profile&, const BuildingJob&)
{
    if (is_own_label(name)) return std::nullopt;
    return value;
}

Judged session_id(const std::string&, const std::string& value, const Profile&, const BuildingJob& job) { return building_name(job.key, value); }

bool is_url(std::string_view value)
{
    for (const std::string_view begin : {"http://", "https://", "git://", "ssh://", "git@", "github.com/"})
        if (value.starts_with(begin)) return true;
    return false;
}

/// Where files come from: the client's session, an image (which the source policy judges), or what the engine would fetch.
Judged judge_context(const std::string& field, const std::string& value)
{
    if (is_url(value))
        return denied("closed", field, value.substr(0, 200),
                      "fetch it in the job and build from the directory: the engine would fetch it from the host's own network");
    if (value.starts_with("input:"))
        return denied("closed", field, value.substr(0, 200),
                      "build the other target first, and name its image: results of one build as another's input are not open");
    if (value.starts_with("oci-layout:"))
        return denied("closed", field, value.substr(0, 200), "docker load the image first, and name it: OCI layouts are not open");
    return value;
}

Judged context(const std::string& name, const std::string& value, const Profile&, const BuildingJob&)
{
    return judge_context("context:" + name, value);
}
Judged main_context(const std::string& name, const std::string& value, const Profile&, const BuildingJob&) { return judge_context(name, value); }

Judged attestation(const std::string& name, const std::string& value, const Profile&, const BuildingJob&)
{
    if (name == "provenance") return value;
    return denied("closed", "attest:" + name, value.substr(0, 200), "leave it out: its generator would be an image that the engine chooses");
}

Judged shm_size(const std::string& name, const std::string& value, const Profile& profile, const BuildingJob&)
{
    std::int64_t size = 0;
    if (value.empty() || value.size() > 18 || value.find_first_not_of("0123456789") != value.npos) return bad_request("invalid " + name);
    size = std::stoll(value);
    if (size > profile.shm_max)
        return denied("limits.container.shm_max", name, value, "give at most " + std::to_string(profile.shm_max) + " bytes");
    return value;
}

/// `name=soft:hard`, separated by commas.
Judged ulimits(const std::string& name, const std::string& value, const Profile& profile, const BuildingJob&)
{
    Json limits = Json::array();
    for (std::string_view rest = value; !rest.empty();) {
        const std::string_view each = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), each.size() + 1));
        const std::size_t equal = each.find('='), colon = each.find(':');
        const auto number = [](std::string_view text) -> std::optional<std::int64_t> {
            if (text == "-1") return -1;
            if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
            return std::stoll(std::string(text));
        };
        if (equal == each.npos) return bad_request("invalid " + name);
        const auto soft = number(each.substr(equal + 1, colon == each.npos ? each.npos : colon - equal - 1));
        const auto hard = colon == each.npos ? soft : number(each.substr(colon + 1));
        if (!soft || !hard) return bad_request("invalid " + name);
        limits.push_back({{"Name", std::string(each.substr(0, equal))}, {"Soft", *soft}, {"Hard", *hard}});
    }
    const Result<Json> judged = judge_build_limits({{"Ulimits", limits}}, profile);
    if (!judged) return tl::unexpected(judged.error());
    return value;
}

/// `host=address`, separated by commas, perhaps quoted as CSV is. The host's gateway is the job's own.
Judged hosts(const std::string& name, const std::string& value, const Profile&, const BuildingJob& job)
{
    std::string out;
    for (std::string_view rest = value; !rest.empty();) {
        const std::string_view each = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), each.size() + 1));
        const std::size_t equal = each.find('=');
        if (equal == each.npos || each.find('"') != each.npos) return bad_request("invalid key-value pair in " + name);
        std::string address(each.substr(equal + 1));
        if (address == "host-gateway") {
            if (job.gateway.empty()) return bad_request("berth: the job has no address for host-gateway");
            address = job.gateway;
        }
        if (!parse_address(address)) return bad_request("failed to parse IP " + address.substr(0, 200));
        out += (out.empty() ? "" : ",") + std::string(each.substr(0, equal + 1)) + address;
    }
    return out;
}

struct Row {
    std::string_view name;  ///< with `:` at its end: of all that begin so
    Judge judge;
};

constexpr Row table[] = {
    {"filename", pass},
    {"target", pass},
    {"platform", pass},
    {"no-cache", pass},
    {"hostname", pass},
    {"multi-platform", pass},
    {"frontend.caps", pass},
    {"requestid", pass},
    {"contextkey", pass},
    {"dockerfilekey", pass},
    {"contextsubdir", pass},
    {"context", main_context},
    {"context:", context},
    {"input-metadata:", drop},
    {"local-sessionid:", session_id},
    {"build-arg:BUILDKIT_SYNTAX", no_frontend},
    {"build-arg:BUILDKIT_CACHE_MOUNT_NS", drop},
    {"build-arg:", pass},
    {"label:", label},
    {"vcs:", pass},
    {"attest:", attestation},
    {"force-network-mode", network},
    {"add-hosts", hosts},
    {"shm-size", shm_size},
    {"ulimit", ulimits},
    {"cgroup-parent", drop},
    {"image-resolve-mode", drop},
    {"cache-from", drop},
    {"cache-imports", drop},
    {"source", no_frontend},
    {"cmdline", no_frontend},
};

const Row* row_of(std::string_view attribute)
{
    const Row* found = nullptr;
    for (const Row& row : table) {
        const bool is_prefix = row.name.ends_with(':');
        if (!is_prefix && row.name == attribute) return &row;
        if (is_prefix && attribute.starts_with(row.name) && attribute.size() > row.name.size()) found = &row;
    }
    return found;
}

}  // namespace

Result<Attributes> judge_attributes(const Attributes& asked, const Profile& profile, const BuildingJob& job)
{
    Attributes sent;
    for (const auto& [name, value] : asked) {
        const Row* row = row_of(name);
        if (!row)
            return denied("unknown-attribute", name.substr(0, 200), value.substr(0, 200),
                          "leave it out: berth does not know what it means to the engine");
        const std::string rest = row->name.ends_with(':') ? name.substr(row->name.size()) : name;
        Judged judged = row->judge(rest, value, profile, job);
        if (!judged) return tl::unexpected(std::move(judged.error()));
        if (*judged) sent[name] = std::move(**judged);
    }
    // Without a mode of its own a build is judged all the same: the profile may close the network.
    if (!asked.contains("force-network-mode")) {
        Judged judged = network("force-network-mode", "", profile, job);
        if (!judged) return tl::unexpected(std::move(judged.error()));
        if (*judged) sent["force-network-mode"] = **judged;
    }
    // A `# syntax=` line would choose any image as what writes the build's steps: with a command line there is none to choose.
    sent["cmdline"] = "docker/dockerfile";
    sent["build-arg:BUILDKIT_CACHE_MOUNT_NS"] = job.space;
    // The engine takes a step over from any build that had the same one, whatever secret that was given. The name of a further host makes a step
    // another one.
    std::string& known_hosts = sent["add-hosts"];
    known_hosts += (known_hosts.empty() ? "" : ",") + job.space + ".cache.invalid=127.0.0.1";
    if (!job.cgroup.empty()) sent["cgroup-parent"] = job.cgroup;
    if (!profile.build_cache) sent["no-cache"] = "";
    return sent;
}

bool wants_pull(const Attributes& asked)
{
    const auto mode = asked.find("image-resolve-mode");
    return mode != asked.end() && mode->second == "pull";
}

std::string building_name(const std::string& key, const std::string& name) { return real_name(key, name); }

}  // namespace rules
