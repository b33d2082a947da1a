#include "broker/cli/diagnosis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace {

using broker::Finding;
using broker::Health;
using broker::HostFacts;
using rules::Json;

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;

/// A host on which nothing is wrong.
HostFacts sound()
{
    HostFacts facts;
    facts.program = "1.2.3";
    facts.root = true;
    facts.engine = "unix:///var/run/docker.sock";
    facts.version = {{"Version", "28.5.2"}, {"ApiVersion", "1.51"}, {"MinAPIVersion", "1.24"}};
    facts.info = {{"CgroupDriver", "systemd"},
                  {"CgroupVersion", "2"},
                  {"Driver", "overlay2"},
                  {"DriverStatus", Json::parse(R"([["Backing Filesystem","extfs"],["Supports d_type","true"]])")},
                  {"SecurityOptions", {"name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"}},
                  {"LiveRestoreEnabled", true},
                  {"MemoryLimit", true},
                  {"PidsLimit", true}};
    facts.daemon = true;
    facts.status = {{"version", "1.2.3"}, {"isolation", {{"enforced", true}, {"problem", ""}}}, {"ledger_lost", 0}};
    facts.security_modules = {"capability", "apparmor"};
    facts.pool = *rules::parse_pool("10.213.0.0/16", 26);
    facts.engine_data = {"/var/lib/docker", "ext4", 100 * gibibyte, 50 * gibibyte, 1000, 500, {}};
    facts.state = {"/var/lib/berth", "ext4", 100 * gibibyte, 50 * gibibyte, 1000, 500, {}};
    facts.runtime_dir = "/run/berth";
    facts.ledger = {true, true, 2, 3, {}};
    return facts;
}

Finding found(const HostFacts& facts, const std::string& check)
{
    for (Finding& each : broker::diagnose(facts))
        if (each.check == check) return each;
    return {"absent", Health::ok, {}, {}};
}

TEST(Diagnosis, FindsNothingWrongWithASoundHost)
{
    for (const Finding& each : broker::diagnose(sound())) {
        EXPECT_EQ(each.health, Health::ok) << each.check << ": " << each.text;
        EXPECT_FALSE(each.text.empty()) << each.check;
        EXPECT_TRUE(each.fix.empty()) << each.check;
    }
    const Json json = broker::json_of(broker::diagnose(sound()));
    EXPECT_EQ(json.at("ok"), true);
    EXPECT_EQ(json.at("failed"), 0);
    EXPECT_EQ(json.at("warned"), 0);
}

struct Case {
    const char* name;
    const char* check;
    Health health;
    const char* text;  ///< part of what is said
    std::function<void(HostFacts&)> wrong;
};

std::ostream& operator<<(std::ostream& out, const Case& each)
{
    return out << each.name;
}

class OneThingWrong : public testing::TestWithParam<Case> {};

TEST_P(OneThingWrong, IsOneFindingWithItsFix)
{
    HostFacts facts = sound();
    GetParam().wrong(facts);
    const Finding finding = found(facts, GetParam().check);
    EXPECT_EQ(finding.health, GetParam().health) << finding.text;
    EXPECT_NE(finding.text.find(GetParam().text), std::string::npos) << finding.text;
    EXPECT_EQ(finding.fix.empty(), finding.health == Health::ok) << finding.fix;
}

const std::vector<Case> cases{
    {"engine_away", "engine", Health::fail, "cannot connect",
     [](HostFacts& f) { f.engine_problem = "cannot connect to the engine"; }},
    {"old_engine", "api", Health::ok, "1.24 to 1.41", [](HostFacts& f) { f.version["ApiVersion"] = "1.41"; }},
    {"new_engine", "api", Health::ok, "jobs get 1.44 to 1.51",
     [](HostFacts& f) {
         f.version["ApiVersion"] = "1.60";
         f.version["MinAPIVersion"] = "1.44";
     }},
    {"not_root", "user", Health::warn, "not root", [](HostFacts& f) { f.root = false; }},
    {"cgroup_1", "cgroups", Health::warn, "cgroup v1", [](HostFacts& f) { f.info["CgroupVersion"] = "1"; }},
    {"cgroup_version_unsaid", "cgroups", Health::warn, "cgroup v1",
     [](HostFacts& f) { f.info.erase("CgroupVersion"); }},
    {"no_cgroups", "cgroups", Health::warn, "cannot be used", [](HostFacts& f) { f.info["CgroupDriver"] = "none"; }},
    {"no_memory_limit", "cgroups", Health::warn, "no limits of memory",
     [](HostFacts& f) { f.info["MemoryLimit"] = false; }},
    {"vfs", "storage", Health::warn, "vfs", [](HostFacts& f) { f.info["Driver"] = "vfs"; }},
    {"devicemapper", "storage", Health::warn, "newer engines", [](HostFacts& f) { f.info["Driver"] = "devicemapper"; }},
    {"no_d_type", "storage", Health::fail, "d_type", [](HostFacts& f) { f.info["DriverStatus"][1][1] = "false"; }},
    {"no_seccomp", "confinement", Health::fail, "seccomp",
     [](HostFacts& f) { f.info["SecurityOptions"] = {"name=apparmor"}; }},
    {"unconfined", "confinement", Health::fail, "seccomp",
     [](HostFacts& f) { f.info["SecurityOptions"][1] = "name=seccomp,profile=unconfined"; }},
    {"apparmor_unused", "confinement", Health::warn, "does not use it",
     [](HostFacts& f) { f.info["SecurityOptions"].erase(0); }},
    {"no_module", "confinement", Health::warn, "neither",
     [](HostFacts& f) {
         f.info["SecurityOptions"].erase(0);
         f.security_modules.clear();
     }},
    {"selinux", "confinement", Health::warn, "SELinux may keep",
     [](HostFacts& f) {
         f.info["SecurityOptions"][0] = "name=selinux";
         f.security_modules = {"selinux"};
     }},
    {"rootless", "users", Health::warn, "rootless",
     [](HostFacts& f) { f.info["SecurityOptions"].push_back("name=rootless"); }},
    {"userns", "users", Health::ok, "userns-remap",
     [](HostFacts& f) { f.info["SecurityOptions"].push_back("name=userns"); }},
    {"no_live_restore", "restarts", Health::warn, "live-restore is off",
     [](HostFacts& f) { f.info["LiveRestoreEnabled"] = false; }},
    {"firewall_of_daemon", "isolation", Health::warn, "CAP_NET_ADMIN",
     [](HostFacts& f) { f.status["isolation"]["problem"] = "no CAP_NET_ADMIN"; }},
    {"firewall_without_daemon", "isolation", Health::warn, "no nftables",
     [](HostFacts& f) {
         f.daemon = false;
         f.firewall_problem = "the kernel has no nftables";
     }},
    {"daemons_word_counts", "isolation", Health::ok, "keeps jobs apart",
     [](HostFacts& f) { f.firewall_problem = "not for this shell"; }},
    {"no_pins_new_engine", "paths", Health::warn, "others than root",
     [](HostFacts& f) { f.paths_problem = "move_mount: not permitted"; }},
    {"no_pins_old_engine", "paths", Health::fail, "needs mounts",
     [](HostFacts& f) {
         f.paths_problem = "move_mount: not permitted";
         f.version["ApiVersion"] = "1.44";
     }},
    {"disk_full", "images", Health::fail, "512 MiB free",
     [](HostFacts& f) { f.engine_data.bytes_free = gibibyte / 2; }},
    {"disk_nearly_full", "images", Health::warn, "9 %", [](HostFacts& f) { f.engine_data.bytes_free = 9 * gibibyte; }},
    {"inodes_out", "images", Health::fail, "0 % of the inodes", [](HostFacts& f) { f.engine_data.inodes_free = 4; }},
    {"inodes_uncounted", "images", Health::ok, "50.0 GiB free",
     [](HostFacts& f) { f.engine_data.inodes = f.engine_data.inodes_free = 0; }},
    {"data_unseen", "images", Health::warn, "No such file",
     [](HostFacts& f) { f.engine_data.problem = "No such file or directory"; }},
    {"state_full", "state", Health::fail, "10.0 MiB", [](HostFacts& f) { f.state.bytes_free = 10 << 20; }},
    {"state_on_nfs", "state", Health::fail, "nfs", [](HostFacts& f) { f.state.kind = "nfs"; }},
    {"state_in_memory", "state", Health::warn, "reboot", [](HostFacts& f) { f.state.kind = "tmpfs"; }},
    {"ledger_damaged", "ledger", Health::fail, "malformed",
     [](HostFacts& f) { f.ledger.problem = "database disk image is malformed"; }},
    {"ledger_absent", "ledger", Health::ok, "makes it", [](HostFacts& f) { f.ledger = {}; }},
    {"ledger_loses", "ledger", Health::fail, "7 records", [](HostFacts& f) { f.status["ledger_lost"] = 7; }},
    {"ledger_held", "ledger", Health::fail, "does not answer",
     [](HostFacts& f) {
         f.daemon = false;
         f.status = Json::object();
     }},
    {"ledger_at_rest", "ledger", Health::ok, "3 jobs",
     [](HostFacts& f) {
         f.daemon = false;
         f.status = Json::object();
         f.ledger.in_use = false;
     }},
    {"no_daemon", "daemon", Health::warn, "cannot reach",
     [](HostFacts& f) {
         f.daemon = false;
         f.daemon_problem = "cannot reach the daemon";
     }},
    {"old_daemon", "daemon", Health::warn, "1.2.2 is running", [](HostFacts& f) { f.status["version"] = "1.2.2"; }},
    {"long_path", "doors", Health::fail, "107", [](HostFacts& f) { f.runtime_dir = "/" + std::string(63, 'x'); }},
    {"path_just_fits", "doors", Health::ok, "jobs",
     [](HostFacts& f) { f.runtime_dir = "/" + std::string(107 - 1 - 6 - 26 - 12, 'x'); }},
    {"bad_pool", "addresses", Health::fail, "no private", [](HostFacts& f) { f.pool_problem = "no private range"; }},
    {"pool_routed", "addresses", Health::fail, "10.208.0.0/12",
     [](HostFacts& f) { f.routes = {*rules::parse_subnet("10.208.0.0/12")}; }},
    {"pool_partly_routed", "addresses", Health::warn, "768 of 1024",
     [](HostFacts& f) { f.routes = {*rules::parse_subnet("10.213.64.0/18")}; }},
    {"own_networks_are_no_mistake", "addresses", Health::ok, "1023 of 1024",
     [](HostFacts& f) { f.networks = f.routes = {*rules::parse_subnet("10.213.0.64/26")}; }},
    {"pool_used_up", "addresses", Health::warn, "64 of 1024",
     [](HostFacts& f) {
         f.networks = {*rules::parse_subnet("10.213.0.0/17"), *rules::parse_subnet("10.213.128.0/18"),
                       *rules::parse_subnet("10.213.192.0/19"), *rules::parse_subnet("10.213.224.0/20")};
     }},
};

INSTANTIATE_TEST_SUITE_P(Diagnosis, OneThingWrong, testing::ValuesIn(cases),
                         [](const auto& each) { return each.param.name; });

TEST(Diagnosis, CountsWhatFailedAndWhatIsWarnedOf)
{
    HostFacts facts = sound();
    facts.engine_data.bytes_free = 0;
    facts.info["LiveRestoreEnabled"] = false;
    facts.root = false;
    const Json json = broker::json_of(broker::diagnose(facts));
    EXPECT_EQ(json.at("ok"), false);
    EXPECT_EQ(json.at("failed"), 1);
    EXPECT_EQ(json.at("warned"), 2);
}

TEST(Diagnosis, LeavesOutWhatOnlyTheEngineKnows)
{
    HostFacts facts = sound();
    facts.engine_problem = "cannot connect";
    std::vector<std::string> checks;
    for (const Finding& each : broker::diagnose(facts)) checks.push_back(each.check);
    EXPECT_EQ(checks, (std::vector<std::string>{"user", "daemon", "engine", "isolation", "addresses", "doors", "state",
                                                "ledger"}));
}

TEST(Diagnosis, TakesAnyAnswerOfTheEngine)
{
    HostFacts facts = sound();
    facts.info = {{"SecurityOptions", "none"},
                  {"DriverStatus", {1, {"a"}, {1, 2}}},
                  {"Driver", 7},
                  {"CgroupVersion", nullptr},
                  {"LiveRestoreEnabled", "yes"}};
    facts.version = {{"ApiVersion", "later"}};
    EXPECT_EQ(broker::diagnose(facts).size(), broker::diagnose(sound()).size());
}

}  // namespace
