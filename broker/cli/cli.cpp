#include "broker/cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <filesystem>

#include "broker/cli/admin_client.h"
#include "broker/cli/doctor.h"
#include "broker/cli/manual.h"
#include "broker/cli/print.h"
#include "broker/cli/rules_commands.h"
#include "broker/cli/run.h"
#include "broker/daemon/serve.h"
#include "broker/daemon/settings.h"
#include "broker/io/log.h"
#include "broker/io/version.h"
#include "broker/network/host_names.h"
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

/// What the flags were filled into.
struct Flags {
    std::string admin = "/run/berth/admin.sock";
    bool json = false;
    bool dry_run = false, orphans = false;
    std::string config;
    RunRequest run;
    std::string id, profile, anchor, workspace, ttl, lease, timeout = "60s";
    std::vector<std::string> labels;
    RulesFlags rules;
    bool all = false;
    std::string page, shell;

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

void add_config(CLI::App& command, Flags& flags, SettingUsers user)
{
    command.add_option("--config", flags.config, "The settings file; flags override it")->default_str(std::string(config_path) + ", if it is there");
    add_settings(command, user);
}

/// The settings of the file, and over them those of the command line.
Config config_of(const CLI::App& command, const Flags& flags)
{
    Config config = with_flags(load_config(flags.config), command);
    log::set_level(config.log_level);
    return config;
}

/// By the daemon; where none runs, by this process.
Json clean_up(const CLI::App& command, const Flags& flags)
{
    const std::string target = fmt::format("/cleanup?dry_run={:d}&orphans={:d}", flags.dry_run, flags.orphans);
    try {
        return ask_daemon(flags.admin, "POST", target);
    } catch (const NoDaemon&) {
        return cleanup_alone(config_of(command, flags), flags.dry_run, flags.orphans);
    }
}

void add_cleanup(CLI::App& app, Flags& flags, int& status)
{
    CLI::App* cleanup = app.add_subcommand("cleanup", "Remove what ended jobs left, and trim the image cache; for a timer. The daemon does it, with its own options; if none runs, this command does");
    cleanup->add_flag("--dry-run", flags.dry_run, "Only say what would go, and why");
    cleanup->add_flag("--orphans", flags.orphans, "Also objects with berth's names that this ledger does not know: only when no other daemon uses this engine");
    cleanup->add_flag("--json", flags.json, "The report as JSON");
    add_config(*cleanup, flags, SettingUsers::cleanup);
    cleanup->footer("Examples:\n  berth cleanup --dry-run          what would go, and why\n  berth cleanup --json | jq .clean\nExit status: 0 nothing is left, 1 something is, or the engine or the ledger could not be asked");
    cleanup->callback([cleanup, &flags, &status] {
        const Json report = clean_up(*cleanup, flags);
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
    open->footer("Examples:\n  export DOCKER_HOST=$(berth job open build-17)\n  berth job open build-17 --ttl 2h --label project=shop/web --json\n  berth job open --anchor runner-x1-build --lease 5m\n"
                 "Exit status: 0 opened, 1 the daemon refused or does not answer");
    open->callback([&flags] {
        const Json made = ask_daemon(flags.admin, "POST", "/jobs", open_body(flags));
        if (flags.json)
            print_json(made);
        else
            fmt::print("unix://{}\n", made.value("door", ""));
    });

    CLI::App* close = job->add_subcommand("close", "End a job and remove all that it made");
    close->add_option("ID", flags.id, "The job");
    close->add_flag("--all", flags.all, "Every job, side by side: a report for each, with --json in one list");
    close->add_option("--timeout", flags.timeout, "How long to wait at most; half of it lets requests finish that are making something. What takes longer goes on without this command")->capture_default_str();
    close->add_flag("--json", flags.json, "The report as JSON");
    close->footer("Examples:\n  berth job close build-17\n  berth job close --all --timeout 10s\nExit status: 0 nothing is left, 1 something is or may be (berth goes on; run it again to know), or there is no such job");
    close->callback([&flags, &status] {
        if (flags.all != flags.id.empty()) throw CLI::RequiredError("either ID or --all");
        const Json answer = ask_to_close(flags.admin, flags.all ? "/jobs" : flags.path_of_job(), std::chrono::seconds(seconds_of(flags.timeout)));
        if (flags.json) print_json(answer);
        for (const Json& report : flags.all ? answer : Json::array({answer})) {
            if (flags.all && !flags.json) fmt::print("{}:\n", report.value("id", ""));
            const int left = flags.json ? (report.value("clean", false) ? 0 : 1) : print_report(report);
            status = std::max(status, left);
        }
    });

    CLI::App* renew = job->add_subcommand("renew", "Begin a job's lease anew");
    renew->add_option("ID", flags.id, "The job")->required();
    renew->footer("Examples:\n  while sleep 60; do berth job renew build-17 || break; done &\nExit status: 0 renewed, 1 there is no such open job");
    renew->callback([&flags] { ask_daemon(flags.admin, "POST", flags.path_of_job() + "/renew"); });

    CLI::App* list = job->add_subcommand("list", "The open jobs");
    list->add_flag("--json", flags.json, "As JSON");
    list->footer("Examples:\n  berth job list\n  berth job list --json | jq -r '.[].id'\nExit status: 0 shown, 1 no daemon answers");
    list->callback([&flags] {
        const Json jobs = ask_daemon(flags.admin, "GET", "/jobs");
        flags.json ? print_json(jobs) : print_jobs(jobs);
    });

    CLI::App* show = job->add_subcommand("show", "One open job");
    show->add_option("ID", flags.id, "The job")->required();
    show->add_flag("--json", flags.json, "As JSON");
    show->footer("Examples:\n  berth job show build-17\n  berth job show build-17 --json | jq -r .address\nExit status: 0 shown, 1 there is no such open job");
    show->callback([&flags] {
        const Json one = ask_daemon(flags.admin, "GET", flags.path_of_job());
        flags.json ? print_json(one) : print_job(one);
    });
}

void add_config_commands(CLI::App& app, Flags& flags)
{
    CLI::App* group = app.add_subcommand("config", "The settings file of the daemon: check and show it")->require_subcommand(1);
    const auto add_path = [&flags](CLI::App* command) { command->add_option("PATH", flags.config, "The settings file")->default_str(std::string(config_path) + ", if it is there"); };

    CLI::App* check = group->add_subcommand("check", "Whether a settings file can be used; each mistake with file, line and column");
    add_path(check);
    check->footer("Examples:\n  berth config check && systemctl restart berth\nExit status: 0 it can be used, 1 it cannot");
    check->callback([&flags] { load_config(flags.config); });

    CLI::App* show = group->add_subcommand("show", "Every setting with its value and what it does, as TOML");
    add_path(show);
    show->footer("Examples:\n  berth config show | grep -v '^#'\nExit status: 0 shown, 1 the file cannot be used");
    show->callback([&flags] { fmt::print("{}", config_text(load_config(flags.config), false)); });

    CLI::App* example = group->add_subcommand("example", "A settings file to begin with: every setting, commented out, with its default");
    example->footer("Examples:\n  berth config example > /etc/berth/berth.toml\nExit status: 0");
    example->callback([] { fmt::print("{}", config_text({}, true)); });
}

/// What no user types, and what is made of these very definitions: completion for shells, and manual pages.
void add_texts(CLI::App& app, Flags& flags, int& status)
{
    CLI::App* complete = app.add_subcommand("completion", "A script that completes berth's commands and options in a shell");
    complete->add_option("SHELL", flags.shell, "The shell")->required()->check(CLI::IsMember({"bash", "fish"}));
    complete->footer("Examples:\n  . <(berth completion bash)\n  berth completion fish > ~/.config/fish/completions/berth.fish\nExit status: 0, 2 for an unknown shell");
    complete->callback([&app, &flags] { fmt::print("{}", completion_script(app, flags.shell)); });

    CLI::App* lookup = app.add_subcommand("lookup", "What the name in a line of stdin stands for, for berth-names.socket")->group("");
    lookup->callback([&status] { status = answer_with_addresses(); });

    CLI::App* manual = app.add_subcommand("manual", "A manual page, for man(1)")->group("");
    manual->add_option("PAGE", flags.page, "Which")->required()->check(CLI::IsMember({"berth.1", "berth.toml.5", "berth-rules.5"}));
    manual->callback([&app, &flags] { fmt::print("{}", manual_page(app, flags.page)); });
}

void add_commands(CLI::App& app, Flags& flags, int& status)
{
    app.add_option("--admin", flags.admin, "The daemon's administration socket")->envname("BERTH_ADMIN")->capture_default_str();
    app.set_version_flag("--version", program_version);
    app.require_subcommand(1);
    app.footer(examples);

    CLI::App* daemon = app.add_subcommand("serve", "The daemon: doors for jobs on one side, the engine on the other");
    add_config(*daemon, flags, SettingUsers::daemon);
    daemon->footer("Examples:\n  berth serve                                        with berth's own profiles\n  berth serve --rules /etc/berth/rules.toml --engine unix:///run/user/1000/docker.sock\n"
                   "  systemctl enable --now berth.socket berth.service  as a service\nExit status: 0 stopped by SIGTERM or SIGINT, 1 could not serve");
    daemon->callback([daemon, &flags, &status] { status = serve(config_of(*daemon, flags)); });

    CLI::App* run = app.add_subcommand("run", "Run a command with a Docker of its own: DOCKER_HOST is the job's door, BERTH_HOST the address of its published ports");
    run->add_option("--id", flags.run.id, "The job's id");
    run->add_option("--profile", flags.run.profile, "The rules that it runs under");
    run->add_option("--workspace", flags.run.workspace, "The directory whose paths may be bound into containers")->default_str("the current directory");
    run->add_option("CMD", flags.run.command, "The command and its arguments, behind --")->required();
    run->footer("Examples:\n  berth run -- docker compose up --abort-on-container-exit\n  berth run --profile strict --workspace /srv/build -- make test\n"
                "Exit status: the command's; 128 and the signal's number when it was killed, 127 when there is no such command, 1 when no job could be opened");
    run->callback([&flags, &status] {
        flags.run.admin = flags.admin;
        status = run_in_job(flags.run);
    });

    add_job_commands(app, flags, status);
    add_cleanup(app, flags, status);
    add_rules_commands(app, flags.rules, flags.admin, status);

    CLI::App* doctor = app.add_subcommand("doctor", "Check this host, its engine and berth, and say what to do about each problem; exit status 1 when a check fails, not for warnings");
    add_config(*doctor, flags, SettingUsers::doctor);
    doctor->add_flag("--json", flags.json, "As JSON");
    doctor->footer("What the command line does not give is asked of the daemon, else read from the settings file.\nExamples:\n  berth doctor\n  berth doctor --json | jq '.findings[] | select(.status != \"ok\")'\n"
                   "Exit status: 0 nothing fails, 1 a check fails");
    doctor->callback([doctor, &flags, &status] {
        DoctorRequest request{config_of(*doctor, flags), {}};
        for (const Setting& each : settings())
            if (is_given(*doctor, each.key)) request.given.emplace(each.key);
        const std::vector<Finding> findings = examine(flags.admin, request);
        flags.json ? print_json(json_of(findings)) : print_findings(findings);
        status = std::ranges::count(findings, Health::fail, &Finding::health) > 0 ? 1 : 0;
    });

    CLI::App* overview = app.add_subcommand("status", "One screen: engine, jobs, last reap, free disk space, errors and warnings logged since the start");
    overview->add_flag("--json", flags.json, "As JSON");
    overview->footer("Examples:\n  berth status\n  berth status --json | jq .jobs\nExit status: 0 shown, 1 no daemon answers");
    overview->callback([&flags] {
        const Json shown = ask_daemon(flags.admin, "GET", "/status");
        flags.json ? print_json(shown) : print_status(shown);
    });

    add_config_commands(app, flags);
    add_texts(app, flags, status);
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
