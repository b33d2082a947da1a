#include "rules/profile/knobs.h"

#include <algorithm>
#include <array>

#include "rules/api/endpoints.h"
#include "rules/bodies/capabilities.h"
#include "rules/glob.h"
#include "rules/names/addresses.h"
#include "rules/names/subnets.h"
#include "rules/profile/knob_values.h"
#include "rules/split.h"
#include "rules/units.h"

// The one table of what a profile decides, whole in one file. Reading and writing of rules files, the reference and the messages about
// unknown keys come from it; what a knob does is in the function that judges its field.
namespace rules {
namespace {

using enum Act;
using Words = std::string_view;
using P = Profile;

constexpr Words modes[] = {"enforce", "observe"};
constexpr auto addable = std::span(capability_names).first(std::size(capability_table));
constexpr Words namespaces[] = {"ipc", "network", "pid"};
constexpr Words bind_kinds[] = {"none", "read-only", "read-write"};
constexpr Words network_drivers[] = {"bridge"};
constexpr Words addresses[] = {"none", "job", "loopback"};
constexpr Words restarts[] = {"no", "on-failure", "always", "unless-stopped"};
constexpr Words ulimits[] = {"core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
                             "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
constexpr Words tags[] = {"any", "no-latest", "digest"};
constexpr Words caches[] = {"none", "pulled", "built"};
constexpr Words build_networks[] = {"none", "default", "own", "container"};

std::string check_subnet(Words text)
{
    const auto subnet = parse_subnet(text);
    return subnet && is_private(*subnet) ? "" : "a private IPv4 subnet, as 10.0.0.0/8";
}

std::string check_registry(Words text)
{
    const Words host = text.substr(0, text.find('/'));
    const bool names_host = host.find_first_of(".:*") != host.npos || host == "localhost";
    return names_host ? "" : "a pattern that begins with the registry, as docker.io/library/*";
}

std::string check_local_registry(Words text)
{
    const bool plain = !text.empty() && text.find_first_of("/ @") == text.npos;
    return plain ? "" : "a host, or host and port, as 127.0.0.1:5000";
}

std::string check_egress(Words text)
{
    return text == "internet" || text == "none" || parse_range(text) ? "" : "internet, none, or a subnet, as 10.0.0.0/8";
}

std::string check_endpoint(Words text)
{
    std::vector<std::string_view> names;
    for (const Endpoint& row : endpoints()) names.push_back(row.name);
    if (std::ranges::any_of(names, [&](Words name) { return matches(text, name); })) return {};
    const Words near = nearest(text, names);
    return "the name of an operation, as image.push, or a pattern of such names" +
           (near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?");
}

std::string check_device(Words text)
{
    const bool plain =
        text.starts_with("/dev/") && text.size() > 5 && text.find("..") == text.npos && !text.ends_with('/');
    return plain ? "" : "the path of one device, as /dev/kvm";
}

std::string check_version(Words text)
{
    const auto version = parse_version(text);
    if (text.empty() || (version && *version >= oldest_version && *version <= newest_version)) return {};
    return "an API version from " + to_string(oldest_version) + " to " + to_string(newest_version) + ", or empty";
}

std::string check_range(Words text)
{
    const auto range = parse_port_range(text);
    return range && range->first >= 1 ? "" : "a range of ports, as 8000-8999";
}

std::string check_env(Words text)
{
    return !text.empty() && text.find('=') == text.npos ? "" : "the name of a variable";
}

std::string check_runtime(Words text)
{
    return text.find('/') == text.npos ? "" : "the name of a runtime that the engine is configured with";
}

constexpr std::int64_t day = 86400;

// clang-format off
constexpr Knob all_knobs[] = {
    {"mode", &P::mode, choose, "`observe`: what only these rules refuse is recorded and let through; what is a way to the host is refused all the same", {}, 0, 0, modes},

    {"capabilities.allowed", &P::capabilities_allowed, refuse, "Capabilities that a container may add (`--cap-add`) to those that Docker gives to every one; those that are root on the host, or let something outlive the job (LINUX_IMMUTABLE) or take from others (SYS_RESOURCE), cannot be named", {}, 0, 0, addable, "BLOCK_SUSPEND IPC_LOCK IPC_OWNER LEASE NET_ADMIN NET_BROADCAST SYS_NICE SYS_PTRACE WAKE_ALARM"},
    {"capabilities.dropped", &P::capabilities_dropped, force, "Capabilities that no container has, also of those that Docker gives; `ALL` but for what is allowed. Steps of builds keep Docker's", {}, 0, 0, capability_names},
    {"security.options", &P::security_options, refuse, "Values of `--security-opt` that may be given besides no-new-privileges, each as name=value: `apparmor=ci`, `label=type:ci_t`, `seccomp=unconfined`"},
    {"security.no_new_privileges", &P::no_new_privileges, force, "Every container runs with no-new-privileges: setuid programs give nothing"},
    {"sysctls.allowed", &P::sysctls_allowed, refuse, "Sysctls that may be set: by name, or all that begin with a name that ends in a dot; `net.` only where the container has a network of its own", {}, 0, 0, {}, "net. kernel.shm_rmid_forced kernel.shmmax kernel.shmall kernel.shmmni kernel.msgmax kernel.msgmni kernel.msgmnb kernel.sem fs.mqueue."},
    {"devices.allowed", &P::devices_allowed, refuse, "Devices of the host that a container may have (`--device`), each by its exact path", {}, 0, 0, {}, {}, check_device},
    {"devices.gpus", &P::gpus_allowed, refuse, "Containers may ask for GPUs (`--gpus`)"},
    {"devices.cdi", &P::cdi_allowed, refuse, "CDI devices that a container may have (`--device vendor.com/class=name`), each by its exact name"},
    {"runtime.allowed", &P::runtimes_allowed, refuse, "Runtimes that may be asked for (`--runtime`); without any, the engine's default is all there is", {}, 0, 0, {}, {}, check_runtime},
    {"runtime.forced", &P::runtime_forced, force, "The runtime of every container, as `runsc` or `sysbox-runc`. The steps of builds run under the engine's default: it takes `build.allowed = false`", {}, 0, 0, {}, {}, check_runtime},
    {"user.non_root", &P::non_root, refuse, "A container and an exec run as a user that is given by number and is not 0, by the request or by the image. Steps of builds are not held to it", {}, 0, 0, {}, "false"},
    {"filesystem.read_only", &P::read_only_root, force, "The root file system of every container is read-only; volumes and tmpfs are not"},
    {"namespaces.shared", &P::namespaces_shared, refuse, "Which namespaces a container may share with another container of its job. The host's are never shared", {}, 0, 0, namespaces, "ipc network pid"},
    {"env.refused", &P::env_refused, refuse, "Variables that no request may set, by pattern", {}, 0, 0, {}, "", check_env},
    {"env.forced", &P::env_forced, force, "Variables that every container has, whatever the request or the image says: `NVIDIA_VISIBLE_DEVICES = \"void\"` where the NVIDIA runtime is the default", {}, 0, 0, {}, {}, check_env},

    {"binds.allowed", &P::binds_allowed, refuse, "Whether the job's own paths (of its anchor or workspace) may be bound into containers; `read-only` makes every bind so", {}, 0, 0, bind_kinds, "read-write"},
    {"binds.docker_socket", &P::binds_docker_socket, refuse, "Containers may mount /var/run/docker.sock, which is the job's own door", {}, 0, 0, {}, "true"},
    {"volumes.drivers", &P::volume_drivers, refuse, "Drivers of the volumes that a job makes; options go to `local` alone, and there to tmpfs alone"},

    {"networks.drivers", &P::network_drivers, refuse, "Drivers of the networks that a job makes; empty: it makes none. Only bridges can be kept apart", {}, 0, 0, network_drivers, "bridge"},
    {"networks.subnets", &P::network_subnets, refuse, "Where a subnet may lie that a job asks for; private ranges only", {}, 0, 0, {}, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16", check_subnet},
    {"networks.isolation_required", &P::isolation_required, refuse, "No networks on a host where jobs cannot be kept apart (no nftables, a rootless engine)"},
    {"networks.metadata_reachable", &P::metadata_reachable, drop, "Containers may ask the cloud's metadata service, which gives out the host's credentials"},
    {"networks.host_reachable", &P::host_reachable, drop, "Containers may reach services of the host itself, not only the job's published ports"},
    {"networks.egress", &P::network_egress, drop, "What containers may connect to besides their own job: `internet`, which is all but other jobs and metadata services, private networks of the site included; or only these subnets (`10.0.0.0/8`, `2001:db8::/32`); `none`, or nothing: only the job's own networks. Where it is not `internet`, the host's services count as any other address, and names outside are looked up at servers that a container names itself (`--dns`) within the subnets; steps of builds, which cannot, have no network, or, of classic ones, that of a container of the job (`--network container:NAME`)", {}, 0, 0, {}, std::nullopt, check_egress},
    {"ports.address", &P::ports_address, refuse, "Where published ports are bound: on the job's own address, on the host's loopback (then all jobs share the port numbers), or nowhere", {}, 0, 0, addresses, "job"},
    {"ports.range", &P::ports_range, refuse, "Ports of the host side that may be asked for by number", {}, 0, 0, {}, "1-65535", check_range},
    {"ports.max", &P::published_ports_max, refuse, "Published ports of one container", {}, 0, 65535},

    {"restart.policies", &P::restart_policies, refuse, "Restart policies that may be asked for; `always` and `unless-stopped` become `on-failure` with the retries of restart.retries_max", {}, 0, 0, restarts, "no on-failure always unless-stopped"},
    {"restart.retries_max", &P::restart_retries_max, cap, "How often a container is started again", {}, 1, 1000000},
    {"stop.timeout_max", &P::stop_timeout_max, cap, "How long a stop waits before it kills", Unit::seconds, 0, day},
    {"healthcheck.interval_min", &P::healthcheck_min, cap, "Time between the probes of a healthcheck, at the least; those of images too", Unit::nanoseconds, 1000000},
    {"healthcheck.retries_max", &P::healthcheck_retries_max, cap, "Failed probes until a container is unhealthy", {}, 1, 1000000},
    {"logs.drivers", &P::log_drivers, refuse, "Log drivers that may be asked for; the first is that of containers that ask for none", {}, 0, 0, {}, "json-file local none"},
    {"logs.size_max", &P::log_size_max, cap, "Size of one log file", Unit::bytes, 4096},
    {"logs.files_max", &P::log_files_max, cap, "Log files of one container", {}, 1, 1000},
    {"ulimits.allowed", &P::ulimits_allowed, refuse, "Ulimits that may be set", {}, 0, 0, ulimits, "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"},
    {"ulimits.nofile_max", &P::nofile_max, refuse, "Open files of one process", {}, 1},

    {"limits.container.memory", &P::container_memory, force, "Memory of a container that asks for no limit; 0: as limits.container.memory_max", Unit::bytes, 0},
    {"limits.container.memory_max", &P::container_memory_max, cap, "Memory that one container gets at most, steps of classic builds included; BuildKit's have what limits.job.memory says, and without that are refused; 0: no limit", Unit::bytes, 0},
    {"limits.container.cpus", &P::container_nano_cpus, force, "CPUs of a container that asks for no limit; 0: as limits.container.cpus_max", Unit::cpus, 0},
    {"limits.container.cpus_max", &P::container_nano_cpus_max, cap, "CPUs that one container gets at most, steps of classic builds included; BuildKit's have what limits.job.cpus says, and without that are refused; 0: no limit", Unit::cpus, 0},
    {"limits.container.pids", &P::container_pids, force, "Processes of a container that asks for no limit; 0: as limits.container.pids_max"},
    {"limits.container.pids_max", &P::container_pids_max, cap, "Processes that one container gets at most; those of build steps count for limits.job.pids alone; 0: no limit"},
    {"limits.container.shm_max", &P::shm_max, refuse, "Size of /dev/shm (`--shm-size`)", Unit::bytes, 0},
    {"limits.container.tmpfs_max", &P::tmpfs_max, refuse, "Size of one tmpfs; also of one for which no size is asked", Unit::bytes, 1},
    {"limits.job.memory", &P::job_memory, force, "Memory of all containers of a job together, build steps included; 0: no limit", Unit::bytes, 0},
    {"limits.job.cpus", &P::job_nano_cpus, force, "CPUs of all containers of a job together; 0: no limit", Unit::cpus, 0},
    {"limits.job.pids", &P::job_pids, force, "Processes of all containers of a job together; 0: no limit"},
    {"limits.job.containers", &P::job_containers, refuse, "Containers that a job has at a time; 0: no limit", {}, 0, 1000000, {}, "0"},
    {"limits.job.networks", &P::job_networks, refuse, "Networks that a job has at a time, its default one not counted; 0: no limit", {}, 0, 1000000, {}, "0"},
    {"limits.job.volumes", &P::job_volumes, refuse, "Volumes that a job has at a time; 0: no limit", {}, 0, 1000000, {}, "0"},
    {"limits.job.execs", &P::job_execs, refuse, "Execs in the containers that a job has, ended ones included; 0: no limit", {}, 0, 1000000, {}, "0"},
    {"limits.job.images", &P::job_images, refuse, "Names of images that a job has at a time when it pulls, builds or makes a further one; 0: no limit", {}, 0, 1000000, {}, "0"},
    {"limits.job.image_bytes", &P::job_image_bytes, refuse, "Size of all images that a job has, each counted whole, when it pulls, builds or makes a further one; 0: no limit", Unit::bytes, 0, std::numeric_limits<std::int64_t>::max(), {}, "0"},
    {"limits.job.connections", &P::job_connections, refuse, "Connections to a job's door at a time; further ones are closed", {}, 1, 100000},
    {"limits.job.streams", &P::job_streams, refuse, "Requests of a job at a time whose answer lasts: events, logs, stats, attach, exec, wait, pull, push, build", {}, 1, 100000},
    {"limits.job.requests_per_second", &P::job_requests_per_second, cap, "Requests of a job in a second, after a burst of as many: further ones wait for their turn, up to 5 seconds; 0: no limit", {}, 0, 1000000},
    {"limits.job.time", &P::job_time, force, "How long a job may be open; a shorter --ttl stands; 0: no limit", Unit::seconds, 0, 3650 * day},
    {"job.grace", &P::job_grace, choose, "How long a job goes on after its anchor has stopped, its lease has run out or its `berth run` has gone, lest they come back; at once where the anchor was removed or the time is up", Unit::seconds, 0, 600},
    {"limits.body", &P::body_max, refuse, "Size of a request's JSON body", Unit::bytes, 1024, 256 << 20},
    {"limits.archive", &P::archive_max, refuse, "What the context of a classic build, or an archive of images with its layers, may become once it is unpacked", Unit::bytes, 1 << 20},

    {"images.registries", &P::registries, refuse, "What may be pulled, and taken as a build's base: patterns of registry and repository, `*` within one part and `**` across parts (`docker.io/library/*`, `ghcr.io/us/**`); a registry alone stands for all that it has", {}, 0, 0, {}, "**", check_registry},
    {"images.registries_local", &P::registries_local, refuse, "Where on the host itself the engine may connect to for a job: registries on its loopback or its other addresses, by pattern of host and port as images name them (`127.0.0.1:5000`, `localhost:*`; without a port, all ports). Anything else on the host, its link, metadata services and networks of others are never asked, by whatever name or spelling: not by a pull, push, login, base of a build, nor by the URL of an `ADD`", {}, 0, 0, {}, std::nullopt, check_local_registry},
    {"images.tags", &P::image_tags, refuse, "`no-latest`: a pull names a tag other than latest, or a digest; `digest`: a pull names a digest", {}, 0, 0, tags, "any"},
    {"images.pull", &P::image_pull, refuse, "Jobs may pull images, and build on images that they do not have yet", {}, 0, 0, {}, "true"},
    {"images.push", &P::image_push, refuse, "Jobs may push images", {}, 0, 0, {}, "true"},
    {"images.commit", &P::image_commit, refuse, "Jobs may make images of containers (`docker commit`)", {}, 0, 0, {}, "true"},
    {"images.import", &P::image_import, refuse, "Jobs may make images of a tree of files (`docker import`)", {}, 0, 0, {}, "true"},
    {"images.load", &P::image_load, refuse, "Jobs may load images (`docker load`)", {}, 0, 0, {}, "true"},
    {"images.export", &P::image_export, refuse, "Jobs may read whole images and containers (`docker save`, `docker export`)", {}, 0, 0, {}, "true"},
    {"images.cache", &P::image_cache, choose, "What stays on the host for later jobs. `none`: what a job pulled goes with it, as in Docker-in-Docker, unless another job or the host has it too. `built`: also the results of builds, from which builds of later jobs of this profile take steps over: only where they trust each other; no job sees them as images", {}, 0, 0, caches},
    {"images.cache_max", &P::image_cache_max, choose, "Size of all images in the host's cache that jobs of this profile were the last to use; 0: no limit but the host's (`berth serve --cache-high`)", Unit::bytes, 0},
    {"build.allowed", &P::build_allowed, refuse, "Jobs may build images", {}, 0, 0, {}, "true"},
    {"build.cache", &P::build_cache, force, "Builds take over steps of earlier builds of the same job; false: each step runs anew"},
    {"build.networks", &P::build_networks, refuse, "Networks of a build's steps: none, the job's default one, one that the job made, another container's", {}, 0, 0, build_networks, "none default own container"},
    {"build.remote_files", &P::build_remote_files, refuse, "In classic builds the engine fetches what `ADD` names by a URL. It does so from the host's own network and goes where the answer sends it: with this a job reads whatever the host reaches"},
    {"exec.allowed", &P::exec_allowed, refuse, "Jobs may run commands in their running containers", {}, 0, 0, {}, "true"},
    {"exec.users", &P::exec_users, refuse, "Users that an exec may name (`docker exec -u`), by pattern; the container's own is always one", {}, 0, 0, {}, "*"},

    {"endpoints.closed", &P::endpoints_closed, refuse, "Operations that are closed, by name or pattern: `image.push`, `container.archive_*`. None that is closed for safety can be opened", {}, 0, 0, {}, "", check_endpoint},
    {"api.version_min", &P::api_version_min, refuse, "The oldest API version that is spoken; empty: 1.24", {}, 0, 0, {}, {}, check_version},
    {"api.version_max", &P::api_version_max, cap, "The newest API version that is spoken; empty: as the engine", {}, 0, 0, {}, {}, check_version},
};
// clang-format on

std::vector<std::string> words_of(std::string_view text)
{
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

}  // namespace

std::span<const Knob> knobs()
{
    return all_knobs;
}

const Knob* find_knob(std::string_view path)
{
    const auto found = std::ranges::find(all_knobs, path, &Knob::path);
    return found == std::end(all_knobs) ? nullptr : &*found;
}

bool is_profile_key(std::string_view rule)
{
    return find_knob(rule) != nullptr;
}

Profile permissive(Profile profile)
{
    for (const Knob& knob : all_knobs) {
        if (!knob.open) continue;
        if (const auto* flag = std::get_if<bool Profile::*>(&knob.member)) profile.*(*flag) = *knob.open == "true";
        if (const auto* number = std::get_if<std::int64_t Profile::*>(&knob.member)) profile.*(*number) = 0;
        if (const auto* text = std::get_if<std::string Profile::*>(&knob.member))
            profile.*(*text) = std::string(*knob.open);
        if (const auto* list = std::get_if<std::vector<std::string> Profile::*>(&knob.member)) {
            std::vector<std::string>& own = profile.*(*list);
            if (knob.open->empty()) own.clear();
            for (std::string& word : words_of(*knob.open))
                if (std::ranges::find(own, word) == own.end()) own.push_back(std::move(word));
        }
    }
    return profile;
}

std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates)
{
    const auto distance = [text](std::string_view other) {
        std::vector<std::size_t> row(other.size() + 1);
        for (std::size_t i = 0; i <= other.size(); ++i) row[i] = i;
        for (std::size_t at = 0; at < text.size(); ++at) {
            std::size_t diagonal = row[0];
            row[0] = at + 1;
            for (std::size_t i = 0; i < other.size(); ++i) {
                const std::size_t replaced = diagonal + (text[at] == other[i] ? 0 : 1);
                diagonal = row[i + 1];
                row[i + 1] = std::min({row[i] + 1, diagonal + 1, replaced});
            }
        }
        return row.back();
    };
    std::string_view best;
    std::size_t least = text.size() / 2 + 1;
    for (const std::string_view each : candidates)
        if (const std::size_t edits = distance(each); edits < least) {
            least = edits;
            best = each;
        }
    return best;
}

std::string_view name_of(Act act)
{
    constexpr std::string_view names[] = {"refuse", "cap", "force", "drop", "choose"};
    return names[static_cast<std::size_t>(act)];
}

std::string kind_of(const Knob& knob)
{
    struct Named {
        std::string operator()(bool Profile::*) const { return "true or false"; }
        std::string operator()(std::int64_t Profile::*) const
        {
            constexpr std::string_view units[] = {"number", "size, as \"2GiB\"", "time, as \"30s\"",
                                                  "time, as \"500ms\"", "number, as 1.5"};
            return std::string(units[static_cast<std::size_t>(unit)]);
        }
        std::string operator()(std::string Profile::*) const { return "text"; }
        std::string operator()(std::vector<std::string> Profile::*) const { return "list of texts"; }
        std::string operator()(std::map<std::string, std::string> Profile::*) const { return "table of texts"; }
        Unit unit;
    };
    std::string kind = std::visit(Named{knob.unit}, knob.member);
    for (std::size_t at = 0; at < knob.choices.size(); ++at)
        kind += (at == 0 ? ": " : ", ") + std::string(knob.choices[at]);
    return kind;
}

std::string rules_reference()
{
    std::string text =
        "# Rules\n\nEvery key of a profile, written below `[profile.<name>]`. *What happens* where a request and the "
        "key disagree: it is\n"
        "*refused* (403, with the key as the rule's name), the value is *capped* or *forced*, something is *dropped*; "
        "or nothing of the kind,\n"
        "the key *chooses* how berth behaves. Besides these, `extends = \"<profile>\"` names the profile whose values "
        "hold where this one says\n"
        "nothing: without it that is berth's own profile of the same name, or else `default`.\n\n"
        "Privileged containers and execs, namespaces of the host, unmasked paths of /proc, device cgroup rules, swarm "
        "and plugins have no key:\n"
        "they are refused under every profile.\n\n"
        "| key | value | default | what happens | meaning |\n|---|---|---|---|---|\n";
    const Profile defaults;
    for (const Knob& knob : all_knobs)
        text += "| `" + std::string(knob.path) + "` | " + kind_of(knob) + " | `" + text_of(defaults, knob) + "` | " +
                std::string(name_of(knob.act)) + " | " + std::string(knob.what) + " |\n";
    return text;
}

Json json_of(const Profile& profile)
{
    Json values = Json::object();
    for (const Knob& knob : all_knobs) {
        const auto* map = std::get_if<std::map<std::string, std::string> Profile::*>(&knob.member);
        // What TOML writes of the others is JSON too: no text of a profile has control characters.
        values[std::string(knob.path)] = map ? Json(profile.*(*map)) : Json::parse(text_of(profile, knob));
    }
    return {{"name", profile.name}, {"lineage", profile.lineage}, {"values", std::move(values)}};
}

std::string profile_text(const Profile& profile, const Profile* base,
                         const std::function<std::string(std::string_view knob)>& notes)
{
    std::string text = "[profile." + key_text(profile.name) + "]\n";
    if (base && base->name != profile.name) text += "extends = " + toml_text(base->name) + "\n";
    for (const Knob& knob : all_knobs) {
        const std::string value = text_of(profile, knob);
        if (base && value == text_of(*base, knob)) continue;
        text += "# " + std::string(knob.what) + "\n" + (notes ? notes(knob.path) : std::string()) +
                std::string(knob.path) + " = " + value + "\n";
    }
    return text;
}

}  // namespace rules
