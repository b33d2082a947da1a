#include "broker/cli.h"

#include <fmt/format.h>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <filesystem>

#include "broker/admin_client.h"
#include "broker/cli_rules.h"
#include "broker/doctor.h"
#include "broker/run.h"
#include "broker/serve.h"
#include "broker/terminal.h"
#include "broker/version.h"
#include "rules/query.h"

namespace broker {
namespace {

using rules::Json;

constexpr const char* examples = R"(Examples:
  berth serve --rules /etc/berth/rules.toml         the daemon; without --rules, with berth's own profiles
  export DOCKER_HOST=$(berth job open build-17)     a Docker of its own for one job
  docker run --rm busybox echo hi
  berth job close build-17                          removes all that the job made
  berth run -- docker compose up                    the same for the time of one command
Exit status: 0 done, 1 failed, 2 bad usage; `berth run` gives its command's, `berth doctor` 1 when a check fails.)";

void print_jobs(const Json& jobs)
{
    fmt::print("{:<24} {:<9} {:<10} {:>5} {:>10} {:>8} {:>7} {:>6} {:>8} {:>8}\n", "JOB", "STATE", "PROFILE", "AGE", "CONTAINERS", "NETWORKS", "VOLUMES", "IMAGES", "REQUESTS", "REFUSALS");
    for (const Json& job : jobs) {
        const Json& objects = job.at("objects");
        fmt::print("{:<24} {:<9} {:<10} {:>5} {:>10} {:>8} {:>7} {:>6} {:>8} {:>8}\n", job.value("id", ""), job.value("state", ""), job.value("profile", ""),
                   age_of(job.value("created", std::int64_t{0})), objects.value("container", 0), objects.value("network", 0), objects.value("volume", 0),
                   objects.value("image", 0), job.value("requests", 0), job.value("refusals", 0));
    }
}

void print_isolation(const Json& isolation)
{
    fmt::print("isolation {}\n", isolation.value("enforced", false) ? "enforced" : "not enforced: " + isolation.value("problem", ""));
}

void print_job(const Json& job)
{
    fmt::print("job       {}\nkey       {}\nstate     {}\nprofile   {}\nage       {}\ndoor      {}\naddress   {}\n", job.value("id", ""), job.value("key", ""), job.value("state", ""),
               job.value("profile", "") + (job.value("mode", "") == "observe" ? " (only observes)" : ""), age_of(job.value("created", std::int64_t{0})), job.value("door", ""), job.value("address", ""));
    print_isolation(job.at("isolation"));
    for (const auto& [kind, count] : job.at("objects").items()) fmt::print("{:<9} {}\n", kind + "s", count.get<int>());
    fmt::print("requests  {}\nrefusals  {}\n", job.value("requests", 0), job.value("refusals", 0));
    if (job.value("mode", "") == "observe") fmt::print("observed  {}\n", job.value("observed", 0));
}

void print_status(const Json& status)
{
    const Json& engine = status.at("engine");
    fmt::print("berth     {} up {}s\nengine    {} {} (API {})\njobs      {}\nsiblings  {}\nrequests  {}\nrefusals  {}\n", status.value("version", ""), status.value("uptime", 0),
               engine.value("address", ""), engine.value("version", ""), engine.value("api", ""), status.value("jobs", 0), status.value("siblings", 0),
               status.value("requests", 0), status.value("refusals", 0));
    print_isolation(status.at("isolation"));
    if (const auto reap = status.find("last_reap"); reap != status.end())
        fmt::print("last reap {} ago: {} removed, {} left\n", age_of(reap->value("finished", std::int64_t{0})), reap->value("removed", 0), reap->value("left", 0));
    if (const Json cache = status.value("cache", Json()); !cache.is_null())
        fmt::print("cache     {} images, {} ({} ago)\n", cache.value("images", 0), human(cache.value("bytes", std::uint64_t{0})), age_of(cache.value("looked", std::int64_t{0})));
    if (const std::string trouble = status.value("ledger", ""); !trouble.empty()) fmt::print("ledger    {}\n", trouble);
}

void print_findings(const std::vector<Finding>& findings)
{
    const bool colour = ::isatty(STDOUT_FILENO) != 0;
    for (const Finding& each : findings) {
        const char* const shade = !colour ? "" : each.health == Health::ok ? "\033[32m" : each.health == Health::warn ? "\033[33m" : "\033[31m";
        fmt::print("{}{:<4}{} {:<12} {}\n", shade, health_name(each.health), colour ? "\033[0m" : "", each.check, each.text);
        if (!each.fix.empty()) fmt::print("{:17} fix: {}\n", "", each.fix);
    }
}

/// 0 only if nothing is left.
int print_report(const Json& report)
{
    for (const auto& [kind, count] : report.at("removed").items()) fmt::print("removed {} {}{}\n", count.get<int>(), kind, count.get<int>() == 1 ? "" : "s");
    if (const int kept = report.value("kept", 0); kept > 0) fmt::print("kept {} pulled image{} in the host's cache\n", kept, kept == 1 ? "" : "s");
    for (const Json& each : report.at("left")) fmt::print("left: {} {}: {}\n", each.value("kind", ""), each.value("name", ""), each.value("error", ""));
    const bool clean = report.value("clean", false);
    if (!clean) fmt::print("not everything is proven gone: run the same command again\n");
    return clean ? 0 : 1;
}

/// What the flags were filled into.
struct Flags {
    std::string admin = "/run/berth/admin.sock";
    bool json = false;
    bool dry_run = false, orphans = false;
    Config config;
    RunRequest run;
    DoctorRequest doctor;
    std::string id, profile, anchor, workspace, ttl, lease, timeout = "60s";
    std::vector<std::string> labels;
    RulesFlags rules;

    std::string path_of_job() const { return "/jobs/" + rules::percent_encode(id); }
};

Json open_body(const Flags& flags)
{
    Json body = Json::object();
    if (!flags.profile.empty()) body["profile"] = flags.profile;
    if (!flags.id.empty()) body["id"] = flags.id;
    if (!flags.anchor.empty()) body["anchor"] = flags.anchor;
    if (!flags.workspace.empty()) body["workspace"] = std::filesystem::absolute(flags.workspace).string();
    if (!flags.lease.empty()) body["lease"] = static_cast<std::uint64_t>(seconds_of(flags.lease));
    if (!flags.ttl.empty()) body["ttl"] = static_cast<std::uint64_t>(seconds_of(flags.ttl));
    for (const std::string& each : flags.labels) {
        const std::size_t equals = each.find('=');
        if (equals == each.npos || equals == 0) throw std::runtime_error("a label is key=value, not " + each);
        body["labels"][each.substr(0, equals)] = each.substr(equals + 1);
    }
    return body;
}

void add_cache_options(CLI::App& command, CacheConfig& cache)
{
    command.add_option("--cache-high", cache.high, "Images that jobs pulled and nobody uses are collected, least recently used first, when the engine's file system is fuller than this "
                                                   "(bytes or inodes, as 85%), or when all images of the cache together are larger (as 50GiB; what they share counts in each)")
        ->capture_default_str();
    command.add_option("--cache-low", cache.low, "Down to this, of the same kind")->capture_default_str();
    command.add_option("--cache-keep", cache.keep, "Images that are never collected, by pattern: alpine, ghcr.io/us/**, *:stable (repeatable)");
    command.add_option("--build-cache", cache.builds, "Size to which the engine's own build cache (BuildKit's, of whoever uses it) is trimmed by the engine; without it, it is left alone");
}

void add_places(CLI::App& command, Flags& flags)
{
    command.add_option("--engine", flags.config.engine, "The engine, as unix:///path")->capture_default_str();
    command.add_option("--state-dir", flags.config.state_dir, "Where the ledger is")->capture_default_str();
    command.add_option("--runtime-dir", flags.config.runtime_dir, "Where the sockets are")->capture_default_str();
}

/// By the daemon; where none runs, by this process.
Json clean_up(const Flags& flags)
{
    const std::string target = fmt::format("/cleanup?dry_run={:d}&orphans={:d}", flags.dry_run, flags.orphans);
    try {
        return ask_daemon(flags.admin, "POST", target);
    } catch (const NoDaemon&) {
        return cleanup_alone(flags.config, flags.dry_run, flags.orphans);
    }
}

void print_cache(const Json& cache)
{
    const Json& images = cache.at("images");
    if (!images.empty()) fmt::print("{:<9} {:>10} {:>5} {:<48} {}\n", "OUTCOME", "SIZE", "USED", "IMAGE", "WHY");
    for (const Json& each : images)
        fmt::print("{:<9} {:>10} {:>5} {:<48} {}\n", each.value("outcome", ""), human(each.value("size", std::uint64_t{0})), age_of(each.value("used", std::int64_t{0})),
                   each.value("name", ""), each.value("why", ""));
    if (const auto freed = cache.value("freed", std::uint64_t{0}); freed > 0) {
        const Json returned = cache.value("returned", Json());
        fmt::print("{} of {} in the cache of images{}\n", human(freed), human(cache.value("bytes", std::uint64_t{0})),
                   returned.is_number() ? ": " + human(static_cast<std::uint64_t>(std::max<std::int64_t>(0, returned.get<std::int64_t>()))) + " of disk came back" : "");
    }
    if (const std::string problem = cache.value("problem", ""); !problem.empty()) fmt::print("cache: {}\n", problem);
    if (const Json builds = cache.value("build_cache", Json()); builds.is_object())
        fmt::print("build cache: {} freed{}\n", human(builds.value("freed", std::uint64_t{0})), builds.value("problem", "").empty() ? "" : ": " + builds.value("problem", ""));
}

/// 0 only if nothing is left.
int print_cleanup(const Json& report)
{
    const Json& objects = report.at("objects");
    if (!objects.empty()) fmt::print("{:<9} {:<9} {:<32} {:<24} {}\n", "OUTCOME", "KIND", "NAME", "JOB", "WHY");
    for (const Json& each : objects) {
        const std::string job = each.value("job", ""), error = each.value("error", "");
        fmt::print("{:<9} {:<9} {:<32} {:<24} {}{}\n", each.value("outcome", ""), each.value("kind", ""), each.value("name", ""), job.empty() ? each.value("key", "") : job,
                   each.value("why", ""), error.empty() ? "" : ": " + error);
    }
    if (objects.empty()) fmt::print("nothing is left of any job\n");
    print_cache(report.at("cache"));
    if (const auto forgotten = report.value("forgotten", std::int64_t{0}); forgotten > 0) fmt::print("forgot {} old jobs\n", forgotten);
    return report.value("clean", false) ? 0 : 1;
}

void add_cleanup(CLI::App& app, Flags& flags, int& status)
{
    CLI::App* cleanup = app.add_subcommand("cleanup", "Remove what is left of jobs that are over, and collect the cache of images; for a timer. By the daemon, under its own options, or without one");
    cleanup->add_flag("--dry-run", flags.dry_run, "Only say what would go, and why");
    cleanup->add_flag("--orphans", flags.orphans, "Also what bears berth's names but belongs to no job of this ledger: only when no other daemon uses this engine");
    cleanup->add_flag("--json", flags.json, "The report as JSON");
    add_places(*cleanup, flags);
    add_cache_options(*cleanup, flags.config.cache);
    cleanup->callback([&flags, &status] {
        const Json report = clean_up(flags);
        if (flags.json) print_json(report);
        status = flags.json ? (report.value("clean", false) ? 0 : 1) : print_cleanup(report);
    });
}

void add_job_commands(CLI::App& app, Flags& flags, int& status)
{
    CLI::App* job = app.add_subcommand("job", "Open, close and look at jobs")->require_subcommand(1);

    CLI::App* open = job->add_subcommand("open", "Open a job; prints its DOCKER_HOST");
    open->add_option("ID", flags.id, "The job's id: your text, unique among open jobs");
    open->add_option("--profile", flags.profile, "The rules that it runs under; without it, the [[select]] of the rules file goes by its labels");
    open->add_option("--label", flags.labels, "key=value, for people and for [[select]] of the rules (repeatable)");
    open->add_option("--ttl", flags.ttl, "Close it by itself after this time (90s, 5m, 2h)");
    open->add_option("--lease", flags.lease, "Close it by itself when `berth job renew` was not called for this time");
    open->add_option("--workspace", flags.workspace, "The directory of the host whose paths the job may bind into its containers");
    open->add_option("--anchor", flags.anchor, "The job's own container: the job ends with it, and may bind what it has mounted into its containers");
    open->add_flag("--json", flags.json, "All about the job instead of its door alone");
    open->callback([&flags] {
        const Json made = ask_daemon(flags.admin, "POST", "/jobs", open_body(flags));
        if (flags.json)
            print_json(made);
        else
            fmt::print("unix://{}\n", made.value("door", ""));
    });

    CLI::App* close = job->add_subcommand("close", "End a job and remove all that it made");
    close->add_option("ID", flags.id, "The job")->required();
    close->add_option("--timeout", flags.timeout, "How long what it is just making may still take")->capture_default_str();
    close->add_flag("--json", flags.json, "The report as JSON");
    close->callback([&flags, &status] {
        const Json report = ask_daemon(flags.admin, "POST", flags.path_of_job() + "/close?timeout=" + std::to_string(seconds_of(flags.timeout)));
        if (flags.json) print_json(report);
        status = flags.json ? (report.value("clean", false) ? 0 : 1) : print_report(report);
    });

    CLI::App* renew = job->add_subcommand("renew", "Begin a job's lease anew");
    renew->add_option("ID", flags.id, "The job")->required();
    renew->callback([&flags] { ask_daemon(flags.admin, "POST", flags.path_of_job() + "/renew"); });

    CLI::App* list = job->add_subcommand("list", "The open jobs");
    list->add_flag("--json", flags.json, "As JSON");
    list->callback([&flags] {
        const Json jobs = ask_daemon(flags.admin, "GET", "/jobs");
        flags.json ? print_json(jobs) : print_jobs(jobs);
    });

    CLI::App* show = job->add_subcommand("show", "One open job");
    show->add_option("ID", flags.id, "The job")->required();
    show->add_flag("--json", flags.json, "As JSON");
    show->callback([&flags] {
        const Json one = ask_daemon(flags.admin, "GET", flags.path_of_job());
        flags.json ? print_json(one) : print_job(one);
    });
}

void add_commands(CLI::App& app, Flags& flags, int& status)
{
    app.add_option("--admin", flags.admin, "The daemon's administration socket")->envname("BERTH_ADMIN")->capture_default_str();
    app.set_version_flag("--version", program_version);
    app.require_subcommand(1);
    app.footer(examples);

    CLI::App* daemon = app.add_subcommand("serve", "The daemon: doors for jobs on one side, the engine on the other");
    add_places(*daemon, flags);
    daemon->add_option("--network-pool", flags.config.network_pool,
                       "Private IPv4 range from which every network of a job gets its subnet; subnets that the host routes or the engine uses are left out. "
                       "The default is one that Docker, Kubernetes and most sites do not use")
        ->capture_default_str();
    daemon->add_option("--network-size", flags.config.network_size, "Prefix length of one subnet: /26 is 61 containers in a network, and 1024 networks from a /16")->capture_default_str();
    add_cache_options(*daemon, flags.config.cache);
    daemon->add_option("--rules", flags.config.rules, "What jobs may do: a rules file, or a directory of *.toml; without it, berth's own profiles. SIGHUP reads it again");
    daemon->callback([&flags, &status] { status = serve(flags.config); });

    CLI::App* run = app.add_subcommand("run", "Run a command with a Docker of its own: DOCKER_HOST is the job's door, BERTH_HOST the address of its published ports");
    run->add_option("--id", flags.run.id, "The job's id");
    run->add_option("--profile", flags.run.profile, "The rules that it runs under");
    run->add_option("--workspace", flags.run.workspace, "The directory whose paths may be bound into containers")->default_str("the current directory");
    run->add_option("CMD", flags.run.command, "The command and its arguments, behind --")->required();
    run->callback([&flags, &status] {
        flags.run.admin = flags.admin;
        status = run_in_job(flags.run);
    });

    add_job_commands(app, flags, status);
    add_cleanup(app, flags, status);
    add_rules_commands(app, flags.rules, flags.admin, status);

    CLI::App* doctor = app.add_subcommand("doctor", "What of this host, its engine and berth is as it should be, and what to do about the rest; exit status 1 when a check fails, warnings do not count");
    doctor->add_option("--engine", flags.doctor.engine, "The engine, as unix:///path")->default_str("the daemon's, else as in serve; so the others");
    doctor->add_option("--state-dir", flags.doctor.state_dir, "Where the ledger is");
    doctor->add_option("--runtime-dir", flags.doctor.runtime_dir, "Where the sockets are");
    doctor->add_option("--network-pool", flags.doctor.network_pool, "As in serve");
    doctor->add_option("--network-size", flags.doctor.network_size, "As in serve");
    doctor->add_flag("--json", flags.json, "As JSON");
    doctor->callback([&flags, &status] {
        const std::vector<Finding> findings = examine(flags.admin, flags.doctor);
        flags.json ? print_json(json_of(findings)) : print_findings(findings);
        status = std::ranges::count(findings, Health::fail, &Finding::health) > 0 ? 1 : 0;
    });

    CLI::App* overview = app.add_subcommand("status", "One screen: engine, jobs, last reap");
    overview->add_flag("--json", flags.json, "As JSON");
    overview->callback([&flags] {
        const Json shown = ask_daemon(flags.admin, "GET", "/status");
        flags.json ? print_json(shown) : print_status(shown);
    });
}

}  // namespace

int run_command_line(int argc, char** argv)
{
    CLI::App app("berth gives every CI job its own Docker, on the host's one engine", "berth");
    app.set_help_all_flag("--help-all", "The options of all commands");
    Flags flags;
    int status = 0;
    add_commands(app, flags, status);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& failure) {
        fmt::print(stderr, "berth: {}\n", failure.what());
        return 1;
    }
    return status;
}

}  // namespace broker
