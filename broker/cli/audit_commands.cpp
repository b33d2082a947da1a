#include "broker/cli/audit_commands.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <thread>

#include "broker/cli/admin_client.h"
#include "broker/cli/past_requests.h"
#include "broker/cli/print.h"
#include "broker/daemon/audit.h"
#include "rules/api/kept.h"
#include "rules/judge/suggest.h"
#include "rules/profile/profile_file.h"

namespace broker {
namespace {

using rules::Json;

db::RequestFilter filter_of(const RulesFlags& flags)
{
    db::RequestFilter filter{.job = flags.job, .denied = flags.denied};
    if (!flags.since.empty()) filter.since = std::time(nullptr) - seconds_of(flags.since);
    return filter;
}

void print_request(const Json& request, bool json)
{
    if (json) {
        fmt::print("{}\n", request.dump(-1, ' ', true));
        return;
    }
    const std::string job = request.value("job", "");
    std::string why;
    if (const std::string rule = request.value("rule", ""); !rule.empty())
        why = fmt::format("  {}: {} {}", rule, request.value("field", ""), request.value("value", ""));
    fmt::print("{:%Y-%m-%dT%H:%M:%SZ} {:<16} {:<8} {} {}{}\n", fmt::gmtime(static_cast<std::time_t>(request.value("at", std::int64_t{0}))),
               job.empty() ? request.value("key", "") : job, request.value("verdict", ""), request.value("method", ""), request.value("target", ""),
               why);
}

/// The table of what may be kept, with every place where a request may have a value.
int print_kept(bool json)
{
    if (!json) fmt::print("{:<20} {:<5} {:<48} {:<12} {}\n", "ENDPOINT", "IN", "FIELD", "KEPT", "KEYS");
    Json all = Json::array();
    for (const rules::ValuePlace& each : rules::value_places()) {
        const bool whole = each.type == "number" || each.type == "number_list" || each.type == "boolean";
        const std::string_view value = whole ? "number" : rules::keep_name(each.kept->value), key = rules::keep_name(each.kept->key),
                               in = each.query ? "query" : "body";
        if (json)
            all.push_back({{"endpoint", each.endpoint->name},
                           {"method", rules::method_name(each.endpoint->method)},
                           {"path", each.endpoint->path},
                           {"in", in},
                           {"field", each.path},
                           {"type", each.type},
                           {"kept", value},
                           {"keys", key}});
        else
            fmt::print("{:<20} {:<5} {:<48} {:<12} {}\n", each.endpoint->name, in, each.path, value, key == "nothing" ? "" : key);
    }
    if (json) print_json(all);
    return 0;
}

int audit(const RulesFlags& flags, const std::string& admin)
{
    if (flags.kept) return print_kept(flags.json);
    db::RequestFilter filter = filter_of(flags);
    std::vector<Json> requests = past_requests(admin, flags.state_dir, filter);
    for (;;) {
        for (const Json& each : requests) {
            print_request(each, flags.json);
            filter.after = each.value("row", filter.after);
        }
        std::fflush(stdout);
        if (!flags.follow) return 0;
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        requests.clear();
        for (const Json& each : ask_daemon(admin, "GET", target_of(filter))) requests.push_back(each);
    }
}

/// One side: a rules file, whose profile of the job's name decides, or one profile of the rules in use.
struct Side {
    rules::Rulebook book;
    std::string profile;  ///< empty: the job's

    const rules::Profile& of(const Json& request) const { return profile_of(book, profile.empty() ? request.value("profile", "default") : profile); }
};

Side side_of(const std::string& text, const RulesFlags& flags, const std::string& admin)
{
    if (std::filesystem::exists(text)) return {book_at(text), flags.profile};
    Side side{rulebook_or_own(flags.rules, admin), text};
    profile_of(side.book, text);
    return side;
}

Json json_of(const rules::Verdict& verdict)
{
    return {{"verdict", rules::outcome_name(verdict.outcome)},
            {"rule", verdict.error.rule},
            {"field", verdict.error.field},
            {"message", verdict.error.message}};
}

}  // namespace

void add_audit_command(CLI::App& app, RulesFlags& flags, const std::string& admin, int& status)
{
    CLI::App* command = app.add_subcommand(
        "audit", "What jobs asked for, and what became of it; a value that is not listed (--kept) is shown as its length and hash");
    command->add_option("--job", flags.job, "Id or key of a job, open or closed");
    command->add_flag("--denied", flags.denied, "Only what a rule refused, or would have");
    command->add_option("--since", flags.since, "Only of the last time (90s, 1h)");
    command->add_flag("--follow", flags.follow, "Go on with what comes");
    command->add_flag("--json", flags.json, "A JSON object a line, with the body");
    command->add_flag("--kept", flags.kept, "Instead, what of each field of a request is kept");
    command->add_option("--state-dir", flags.state_dir, "Where the ledger is, when no daemon runs")->capture_default_str();
    command->footer(
        "Examples:\n  berth audit --job build-17\n  berth audit --denied --since 1h --json | jq .rule\n  berth audit --kept | grep Label\nExit "
        "status: 0");
    command->callback([&flags, &admin, &status] { status = audit(flags, admin); });
}

int suggest(const RulesFlags& flags, const std::string& admin)
{
    db::RequestFilter filter = filter_of(flags);
    std::vector<rules::AskedRequest> done;
    std::size_t cut = 0, denied = 0;
    const std::vector<Json> requests = past_requests(admin, flags.state_dir, filter);
    for (const Json& each : requests) {
        const std::string verdict = each.value("verdict", "");
        auto asked = asked_of(each);
        if (verdict == "refused")
            ++denied;
        else if (!asked)
            ++cut;
        else
            done.push_back(*std::move(asked));  // what failed too: clients look whether something is there, and go by the 404
    }
    if (done.empty()) throw std::runtime_error("the ledger has no request that the job " + flags.job + " was allowed");
    const rules::Rulebook book = rulebook_or_own(flags.rules, admin);
    const rules::Suggestion made = rules::suggest_profile(flags.profile.empty() ? "suggested" : flags.profile, done, profile_of(book, "default"));
    if (denied > 0) fmt::print("# {} requests that were refused are not looked at.\n", denied);
    if (cut > 0) fmt::print("# {} requests that were too long to be kept are not looked at.\n", cut);
    fmt::print("{}", made.text);
    return 0;
}

int diff(const RulesFlags& flags, const std::string& admin)
{
    const Side before = side_of(flags.before, flags, admin), after = side_of(flags.after, flags, admin);
    const std::vector<Json> requests = past_requests(admin, flags.state_dir, filter_of(flags));
    std::size_t judged = 0;
    Json differences = Json::array();
    for (const Json& each : requests) {
        const auto asked = asked_of(each);
        if (!asked) continue;
        ++judged;
        const rules::AnyLookup any;
        const rules::Verdict was = rules::judge_request(*asked, any, before.of(each)), is = rules::judge_request(*asked, any, after.of(each));
        if (was.outcome == is.outcome) continue;
        Json difference = each;
        difference["before"] = json_of(was);
        difference["after"] = json_of(is);
        differences.push_back(std::move(difference));
    }
    if (flags.json) {
        print_json({{"judged", judged}, {"left_out", requests.size() - judged}, {"differences", differences}});
        return differences.empty() ? 0 : 1;
    }
    for (const Json& each : differences) {
        const Json &was = each.at("before"), &is = each.at("after");
        const std::string message = (is.value("message", "").empty() ? was : is).value("message", "");
        fmt::print("{} {} {}: {} -> {}: {}\n", each.value("job", ""), each.value("method", ""), each.value("target", ""), was.value("verdict", ""),
                   is.value("verdict", ""), message);
    }
    fmt::print("{} requests, {} with another verdict", judged, differences.size());
    if (requests.size() > judged) fmt::print(", {} too long to be kept and left out", requests.size() - judged);
    fmt::print("\n");
    return differences.empty() ? 0 : 1;
}

}  // namespace broker
