#include "broker/cli/rules_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "broker/cli/admin_client.h"
#include "broker/cli/audit_commands.h"
#include "broker/cli/print.h"
#include "broker/jobs/rulebook.h"
#include "rules/judge/rule_cases.h"
#include "rules/profile/knobs.h"

namespace broker {

/// The rules of the path that was given, or where the daemon has its own.
static std::string path_of_rules(const std::string& path, const std::string& admin)
{
    return path.empty() ? ask_daemon(admin, "GET", "/rules").value("path", "") : path;
}

rules::Rulebook book_at(const std::string& path)
{
    auto read = read_rulebook(path);
    if (!read) throw std::runtime_error(read.error().message);
    return *std::move(read);
}

/// The rules at `path`, or those that the daemon was started with.
static rules::Rulebook rulebook_of(const std::string& path, const std::string& admin)
{
    return book_at(path_of_rules(path, admin));
}

/// The same; where no daemon runs, berth's own profiles.
rules::Rulebook rulebook_or_own(const std::string& path, const std::string& admin)
{
    try {
        return rulebook_of(path, admin);
    } catch (const NoDaemon&) {
        fmt::print(stderr, "berth: no daemon at {}, and no --rules: berth's own profiles\n", admin);
        return book_at({});
    }
}

const rules::Profile& profile_of(const rules::Rulebook& book, const std::string& name)
{
    const rules::Profile* profile = book.find(name);
    if (!profile) throw std::runtime_error("there is no profile " + name);
    return *profile;
}

namespace {

namespace fs = std::filesystem;
using rules::Json;
using rules::Outcome;

constexpr const char* which = "The rules file or directory; without it, the daemon's";

std::vector<std::string> lines_of(const std::string& text)
{
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

Json read_body(const std::string& file)
{
    std::ifstream stream(file == "-" ? "/dev/stdin" : file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream.is_open() || stream.bad()) throw std::runtime_error("cannot read " + file);
    auto body = rules::parse_json(text);
    if (!body) throw std::runtime_error(file + ": " + body.error().message);
    return *std::move(body);
}

// check

/// 0 only if they can be used.
int check_rules(const RulesFlags& flags, const std::string& admin)
{
    const auto read = read_rulebook(path_of_rules(flags.rules, admin));
    if (!flags.json) {
        if (!read) throw std::runtime_error(read.error().message);
        fmt::print("{} profiles, {} selection{}\n", read->profiles.size(), read->selections.size(), read->selections.size() == 1 ? "" : "s");
        return 0;
    }
    Json json = {
        {"ok", read.has_value()}, {"profiles", Json::array()}, {"selections", read ? read->selections.size() : 0}, {"mistakes", Json::array()}};
    if (read)
        for (const auto& [name, profile] : read->profiles) json["profiles"].push_back(name);
    else
        json["mistakes"] = lines_of(read.error().message);
    print_json(json);
    return read ? 0 : 1;
}

// explain

constexpr const char* assumed =
    "every container, network, image, volume and path that is named exists, the image asks for nothing, and the job has made nothing yet";

Json explanation(const rules::Verdict& verdict, const rules::Rulebook& book, const rules::Profile& profile)
{
    const rules::Error& error = verdict.error;
    Json json = {{"verdict", rules::outcome_name(verdict.outcome)}, {"endpoint", verdict.endpoint ? std::string(verdict.endpoint->name) : ""},
                 {"profile", profile.name}, {"lineage", profile.lineage}, {"assumed", assumed}};
    if (verdict.outcome == Outcome::allowed) return json;
    json.update({{"status", error.status},
                 {"message", error.message},
                 {"rule", error.rule},
                 {"field", error.field},
                 {"value", error.value},
                 {"way_out", error.way_out}});
    const rules::Knob* knob = rules::find_knob(error.rule);
    if (!knob) return json;
    json["setting"] = rules::text_of(profile, *knob);
    if (const rules::Origin* origin = book.origin(profile.name, knob->path))
        json["set_by"] = {{"profile", origin->profile}, {"place", origin->place}};
    return json;
}

void print_explanation(const Json& json)
{
    const auto line = [&json](const char* label, const char* key) {
        if (const std::string text = json.value(key, ""); !text.empty()) fmt::print("{:<9} {}\n", label, text);
    };
    const std::string message = json.value("message", "");
    fmt::print("{}{}\n", json.value("verdict", ""), message.empty() ? "" : ": " + message);
    line("endpoint", "endpoint");
    std::string profile = json.value("profile", "");
    for (const Json& each : json.at("lineage")) profile += ", which extends " + each.get<std::string>();
    fmt::print("{:<9} {}\n", "profile", profile);
    if (json.contains("setting")) {
        std::string origin = "berth's own value, which no profile changes";
        if (const auto by = json.find("set_by"); by != json.end())
            origin = "set by profile " + by->value("profile", "") + ", " + by->value("place", "");
        fmt::print("{:<9} {} = {} ({})\n", "rule", json.value("rule", ""), json.value("setting", ""), origin);
    } else if (!json.value("rule", "").empty()) {
        fmt::print("{:<9} {} (holds under every profile)\n", "rule", json.value("rule", ""));
    }
    line("field", "field");
    line("value", "value");
    line("way out", "way_out");
    fmt::print("{:<9} {}\n", "assumed", json.value("assumed", ""));
}

/// 0 allowed, 1 refused, 2 no request that could be judged.
int explain(const RulesFlags& flags, const std::string& admin)
{
    const rules::Rulebook book = rulebook_or_own(flags.rules, admin);
    const rules::Profile& profile = profile_of(book, flags.profile.empty() ? "default" : flags.profile);
    rules::AskedRequest asked{flags.method, flags.target};
    if (!flags.body.empty()) asked.body = read_body(flags.body);
    const rules::Verdict verdict = rules::judge_request(asked, rules::AnyLookup(), profile);
    const Json json = explanation(verdict, book, profile);
    flags.json ? print_json(json) : print_explanation(json);
    return verdict.outcome == Outcome::failed ? 2 : verdict.outcome == Outcome::refused ? 1 : 0;
}

// test

std::vector<rules::RuleCase> read_all_cases(const fs::path& directory)
{
    std::vector<fs::path> files;
    if (!fs::is_directory(directory)) throw std::runtime_error(directory.string() + " is no directory");
    for (const auto& each : fs::recursive_directory_iterator(directory))
        if (each.path().extension() == ".toml") files.push_back(each.path());
    std::ranges::sort(files);
    std::vector<rules::RuleCase> all;
    for (const fs::path& file : files) {
        std::ifstream stream(file, std::ios::binary);
        auto cases = rules::read_cases({file.string(), {std::istreambuf_iterator<char>(stream), {}}});
        if (!cases) throw std::runtime_error(cases.error().message);
        std::ranges::move(*cases, std::back_inserter(all));
    }
    if (all.empty()) throw std::runtime_error("no [[case]] in the *.toml of " + directory.string());
    return all;
}

/// 0 only if each case is as expected.
int test(const RulesFlags& flags, const std::string& admin)
{
    const rules::Rulebook book = rulebook_or_own(flags.rules, admin);
    const std::vector<rules::RuleCase> cases = read_all_cases(flags.directory);
    std::size_t failed = 0;
    for (const rules::RuleCase& each : cases) {
        const auto differs = rules::mismatch(each, book);
        if (!differs) continue;
        ++failed;
        fmt::print("{}: {}: {}\n", each.place, each.name.empty() ? each.request.method + " " + each.request.target : each.name, *differs);
    }
    fmt::print("{} cases, {} failed\n", cases.size(), failed);
    return failed > 0 ? 1 : 0;
}

void add_tools(CLI::App& group, RulesFlags& flags, const std::string& admin, int& status)
{
    constexpr const char* where = "Where the ledger is, when no daemon runs";
    const auto callback = [&flags, &admin, &status](int (*run)(const RulesFlags&, const std::string&)) {
        return [&flags, &admin, &status, run] { status = run(flags, admin); };
    };

    CLI::App* explains =
        group.add_subcommand("explain", "The verdict for one request, without an engine: rule, field, way out, and which profile set it");
    explains->add_option("METHOD", flags.method, "As POST")->required();
    explains->add_option("PATH", flags.target, "With its query, as /containers/create?name=web")->required();
    explains->add_option("--body", flags.body, "A file with the JSON body; - for stdin");
    explains->add_option("--profile", flags.profile, "The profile")->default_str("default");
    explains->add_option("--rules", flags.rules, which);
    explains->add_flag("--json", flags.json, "As JSON");
    explains->footer(
        "Examples:\n  berth rules explain --profile strict POST /images/create?fromImage=alpine\n  berth rules explain --rules rules.toml --profile "
        "ci POST /containers/create --body create.json\nExit status: 0 allowed, or only observed, 1 refused, 2 not a valid request");
    explains->callback(callback(explain));

    CLI::App* tests = group.add_subcommand("test", "Whether the cases of a directory get the verdicts that they expect");
    tests->add_option("DIR", flags.directory, "Its *.toml with [[case]]: request, profile, body, expect, rule")->required();
    tests->add_option("--rules", flags.rules, which);
    tests->footer("Examples:\n  berth rules test tests/rules --rules rules.toml\nExit status: 0 all get them, 1 one does not");
    tests->callback(callback(test));

    CLI::App* suggests = group.add_subcommand("suggest", "The tightest profile that would have allowed what a job did, as TOML");
    suggests->add_option("--job", flags.job, "Id or key of a job, open or closed")->required();
    suggests->add_option("--profile", flags.profile, "What to call it")->default_str("suggested");
    suggests->add_option("--since", flags.since, "Only the requests of this last while (1h)");
    suggests->add_option("--rules", flags.rules, which);
    suggests->add_option("--state-dir", flags.state_dir, where)->capture_default_str();
    suggests->footer(
        "Examples:\n  berth rules suggest --job build-17 --profile ci >ci.toml && berth rules check ci.toml\nExit status: 0 written, 1 nothing is "
        "known of the job");
    suggests->callback(callback(suggest));

    CLI::App* diffs = group.add_subcommand("diff", "Which past requests would get another verdict under B than under A");
    diffs->add_option("A", flags.before, "A rules file or directory (then the profile that the job had decides), or the name of a profile")
        ->required();
    diffs->add_option("B", flags.after, "The same")->required();
    diffs->add_option("--job", flags.job, "Only of this job");
    diffs->add_option("--since", flags.since, "Only the requests of this last while (1h)");
    diffs->add_option("--profile", flags.profile, "Of the files, this profile decides");
    diffs->add_option("--rules", flags.rules, "The rules that have the profiles which are named; without it, the daemon's");
    diffs->add_option("--state-dir", flags.state_dir, where)->capture_default_str();
    diffs->add_flag("--json", flags.json, "As JSON");
    diffs->footer(
        "Examples:\n  berth rules diff /etc/berth/rules.toml new.toml --since 24h\n  berth rules diff default strict --job build-17\nExit status: 0 "
        "none, 1 some");
    diffs->callback(callback(diff));
}

}  // namespace

void add_rules_commands(CLI::App& app, RulesFlags& flags, const std::string& admin, int& status)
{
    CLI::App* group = app.add_subcommand("rules", "What jobs may do: check, show, explain, test and suggest profiles")->require_subcommand(1);

    CLI::App* check = group->add_subcommand("check", "Whether a rules file can be used; each mistake with file, line and column");
    check->add_option("PATH", flags.rules, which);
    check->add_flag("--json", flags.json, "As JSON, mistakes too");
    check->footer(
        "Examples:\n  berth rules check /etc/berth/rules.toml && berth rules reload\n  berth rules check rules.toml --json | jq -r "
        "'.mistakes[]'\nExit status: 0 they can be used, 1 they cannot");
    check->callback([&flags, &admin, &status] { status = check_rules(flags, admin); });

    CLI::App* show = group->add_subcommand("show", "A profile with all its values, as TOML");
    show->add_option("PROFILE", flags.profile, "Its name")->required();
    show->add_option("--rules", flags.rules, which);
    show->add_flag("--json", flags.json, "As JSON");
    show->footer(
        "Examples:\n  berth rules show strict\n  berth rules show strict --json | jq -r '.values[\"limits.job.time\"]'\n  berth rules show ci "
        "--rules rules.toml\nExit status: 0 shown, 1 there is no such profile, or the rules cannot be used");
    show->callback([&flags, &admin] {
        const rules::Rulebook book = rulebook_of(flags.rules, admin);
        const rules::Profile& profile = profile_of(book, flags.profile);
        if (flags.json) return print_json(rules::json_of(profile));
        for (const std::string& each : profile.lineage) fmt::print("# extends {}\n", each);
        fmt::print("{}", rules::profile_text(profile, nullptr));
    });

    CLI::App* reload = group->add_subcommand("reload", "Have the daemon read its rules again: new jobs get them, open jobs keep theirs");
    reload->footer("Examples:\n  berth rules reload\nExit status: 0 the new rules hold, 1 they have mistakes, and the old ones hold on");
    reload->callback([&admin] {
        const Json answer = ask_daemon(admin, "POST", "/rules/reload");
        fmt::print("{} profiles from {}\n", answer.at("profiles").size(),
                   answer.value("path", "").empty() ? "berth itself" : answer.value("path", ""));
    });

    CLI::App* reference = group->add_subcommand("reference", "Every key of a rules file, as markdown");
    reference->footer("Examples:\n  berth rules reference | less\nExit status: 0");
    reference->callback([] { fmt::print("{}", rules::rules_reference()); });

    add_tools(*group, flags, admin, status);
    add_audit_command(app, flags, admin, status);
}

}  // namespace broker
