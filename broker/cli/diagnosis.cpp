#include "broker/cli/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/cli/checks.h"
#include "rules/api/route.h"
#include "rules/model.h"
#include "rules/names/names.h"

// One function a check. Thresholds are for a host that runs CI: what fails is what makes the next jobs fail.
namespace broker {
namespace {

using namespace checks;
using rules::Json;

constexpr std::uint64_t mebibyte = 1024 * 1024;
constexpr rules::Version joins_paths{1, 45};  ///< from here on the engine holds the paths of binds itself

Finding user(const HostFacts& facts)
{
    if (facts.root) return ok("user", "root");
    return warn("user",
                "not root: what this user may not see is reported as missing, and berth itself needs root unless the "
                "engine is rootless",
                "run it as root: sudo berth doctor");
}

Finding isolation(const HostFacts& facts)
{
    std::string problem = facts.firewall_problem;
    if (facts.daemon)
        if (const auto said = facts.status.find("isolation"); said != facts.status.end() && said->is_object())
            problem = text_of(*said, "problem");
    if (problem.empty()) return ok("isolation", "the packet filter keeps jobs apart");
    return warn("isolation", "jobs are not kept apart on the network: " + problem,
                "give berth CAP_NET_ADMIN, a kernel with nftables (modprobe nf_tables nft_fib_inet), and an engine in "
                "the same network namespace");
}

Finding paths(const HostFacts& facts)
{
    const rules::Version newest = std::min(version_of(text_of(facts.version, "ApiVersion")), rules::newest_version);
    const char* const fix =
        "Linux 5.12 or newer, CAP_SYS_ADMIN, and a runtime directory whose mounts the engine sees: both in the same "
        "mount namespace, or mount propagation from ours to the engine's";
    if (facts.paths_problem.empty()) return ok("paths", "paths of jobs are held, whatever is renamed meanwhile");
    if (joins_paths <= newest)
        return warn("paths", "workspaces that others than root can move are refused: " + facts.paths_problem, fix);
    return fail("paths", "this engine needs mounts of berth's for the bind mounts of jobs: " + facts.paths_problem,
                fix);
}

Finding space(const std::string& check, const Space& space, std::uint64_t least, const std::string& fix)
{
    if (!space.problem.empty())
        return warn(check, fmt::format("{}: {}", space.path, space.problem),
                    "look whether this is the engine's directory on this host");
    const double bytes = percent(space.bytes_free, space.bytes), inodes = percent(space.inodes_free, space.inodes);
    const std::string what =
        space.inodes == 0
            ? fmt::format("{} ({}): {} free ({:.0f} %)", space.path, space.kind, human(space.bytes_free), bytes)
            : fmt::format("{} ({}): {} free ({:.0f} %), {:.0f} % of the inodes free", space.path, space.kind,
                          human(space.bytes_free), bytes, inodes);
    if (space.bytes_free < least || inodes < 1)
        return fail(check, what + ": the disk is full, or will be with the next job", fix);
    if (bytes < 10 || inodes < 10) return warn(check, what + ": little is left", fix);
    return ok(check, what);
}

Finding state(const HostFacts& facts)
{
    const std::string& kind = facts.state.kind;
    if (facts.state.problem.empty() &&
        (kind == "nfs" || kind == "smb" || kind == "cifs" || kind == "smb2" || kind == "9p" || kind == "fuse"))
        return fail("state",
                    fmt::format("{} is on {}, where SQLite's locks and shared memory cannot be relied on",
                                facts.state.path, kind),
                    "--state-dir on a local file system");
    Finding found = space(
        "state", facts.state, 64 * mebibyte,
        "make room there, or --state-dir on another file system; without room nothing is made that cannot be recorded");
    if (found.health == Health::ok && (kind == "tmpfs" || kind == "ramfs"))
        return warn("state", facts.state.path + " is in memory: after a reboot nobody knows which objects were whose",
                    "--state-dir on a disk");
    return found;
}

Finding ledger(const HostFacts& facts)
{
    if (!facts.ledger.problem.empty())
        return fail("ledger", "the ledger cannot be used: " + facts.ledger.problem,
                    "stop berth, move berth.db, berth.db-wal and berth.db-shm aside, and start it: an empty ledger is "
                    "made; what jobs left is found by name (berth cleanup)");
    if (!facts.ledger.there) return ok("ledger", "none yet: the first start makes it");
    const std::string what = fmt::format("schema {}, {} job{} not closed", facts.ledger.schema, facts.ledger.jobs,
                                         facts.ledger.jobs == 1 ? "" : "s");
    const std::int64_t lost = facts.status.value("ledger_lost", std::int64_t{0});
    if (lost > 0)
        return fail("ledger", fmt::format("{}; {} records were lost since the daemon started", what, lost),
                    "see the daemon's log for the reason: most often the disk is full");
    if (facts.ledger.in_use && !facts.daemon)
        return fail("ledger", what + "; a process holds it and does not answer: " + facts.daemon_problem,
                    "say which socket it has (--admin SOCKET), or end the process that has berth.db.lock open (fuser "
                    "-v berth.db.lock)");
    return ok("ledger", what + (facts.ledger.in_use ? ", in use by the daemon" : ""));
}

Finding process(const HostFacts& facts)
{
    if (!facts.daemon)
        return warn("daemon", facts.daemon_problem,
                    "systemctl start berth, or berth serve; if it runs elsewhere, --admin SOCKET");
    const std::string version = text_of(facts.status, "version");
    if (version != facts.program)
        return warn("daemon", fmt::format("berth {} is running, and {} is installed", version, facts.program),
                    "systemctl restart berth: running jobs go on");
    return ok("daemon", fmt::format("berth {} is running", version));
}

Finding doors(const HostFacts& facts)
{
    constexpr std::size_t longest = 107;  // sun_path, without its end
    const std::string door = facts.runtime_dir + "/jobs/" + std::string(rules::key_length, 'x') + "/docker.sock";
    if (door.size() > longest)
        return fail(
            "doors",
            fmt::format("the path of a door would have {} bytes, and a socket's may have {}", door.size(), longest),
            "a shorter --runtime-dir");
    return ok("doors", facts.runtime_dir + "/jobs");
}

Finding addresses(const HostFacts& facts)
{
    if (!facts.pool_problem.empty())
        return fail(
            "addresses", facts.pool_problem,
            "--network-pool with a private range that nobody uses, and a --network-size between its prefix and 29");
    const rules::Subnet& range = facts.pool.range;
    const std::string name = rules::to_string(range);
    std::vector<rules::Subnet> taken = facts.networks;
    std::string foreign;
    for (const rules::Subnet& each : facts.routes) {
        // What the host routes to networks of the engine is in use, but nobody's mistake.
        if (std::ranges::find(facts.networks, each.whole(), &rules::Subnet::whole) == facts.networks.end() &&
            each.overlaps(range))
            foreign += (foreign.empty() ? "" : ", ") + rules::to_string(each);
        taken.push_back(each);
    }
    std::uint32_t free = 0;
    for (std::uint32_t index = 0; index < facts.pool.count(); ++index)
        if (std::ranges::none_of(taken, [&](const rules::Subnet& each) { return each.overlaps(facts.pool.at(index)); }))
            ++free;
    const std::string what = fmt::format("{}: {} of {} subnets are free", name, free, facts.pool.count());
    const char* const fix =
        "--network-pool with a private range that this host does not route, large enough for two networks a job";
    if (free == 0)
        return fail("addresses",
                    what + (foreign.empty() ? "" : "; the host routes " + foreign) + ": no network can be made", fix);
    if (!foreign.empty())
        return warn("addresses", fmt::format("{}; the host routes {}, which jobs do not get", what, foreign), fix);
    if (free * 10 < facts.pool.count()) return warn("addresses", what, fix);
    return ok("addresses", what);
}

}  // namespace

std::vector<Finding> diagnose(const HostFacts& facts)
{
    std::vector<Finding> findings = {user(facts), process(facts), engine(facts)};
    if (facts.engine_problem.empty()) {
        for (const auto check : {api, cgroups, storage, confinement, users, restarts}) findings.push_back(check(facts));
        findings.push_back(
            space("images", facts.engine_data, 1024 * mebibyte,
                  "berth cleanup; docker system df tells what is whose; a larger disk for the engine's data root"));
        findings.push_back(paths(facts));
    }
    for (const auto check : {isolation, addresses, doors, state, ledger}) findings.push_back(check(facts));
    return findings;
}

std::string_view health_name(Health health)
{
    return health == Health::ok ? "ok" : health == Health::warn ? "warn" : "fail";
}

Json json_of(const std::vector<Finding>& findings)
{
    Json list = Json::array();
    for (const Finding& each : findings)
        list.push_back(
            {{"check", each.check}, {"status", health_name(each.health)}, {"text", each.text}, {"fix", each.fix}});
    const auto failed = std::ranges::count(findings, Health::fail, &Finding::health),
               warned = std::ranges::count(findings, Health::warn, &Finding::health);
    return {{"ok", failed == 0}, {"failed", failed}, {"warned", warned}, {"findings", std::move(list)}};
}

}  // namespace broker
