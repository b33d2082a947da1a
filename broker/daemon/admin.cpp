#include "broker/daemon/admin.h"

#include <charconv>

#include "broker/daemon/audit.h"
#include "broker/engine/image_cache.h"
#include "broker/host/disk_space.h"
#include "broker/http/refused.h"
#include "broker/io/aside.h"
#include "broker/io/log.h"
#include "broker/network/firewall.h"
#include "cleanup/parallel.h"
#include "rules/names/names.h"

namespace broker {
namespace {

using rules::Json;

constexpr std::size_t body_max = 1024 * 1024;
constexpr std::chrono::seconds close_limit_default = 60s;

std::chrono::seconds seconds_of(std::string_view text, std::chrono::seconds absent)
{
    if (text.empty()) return absent;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > 1'000'000'000) throw Refused{{400, "not a number of seconds: " + std::string(text)}};
    return std::chrono::seconds(value);
}

OpenRequest open_request(const Json& body)
{
    OpenRequest request;
    if (!body.is_object()) throw Refused{{400, "the body is a JSON object"}};
    for (const auto& [key, value] : body.items()) {
        const bool text = value.is_string();
        if (key == "id" && text)
            request.id = value.get<std::string>();
        else if (key == "profile" && text)
            request.profile = value.get<std::string>();
        else if (key == "anchor" && text)
            request.anchor = value.get<std::string>();
        else if (key == "workspace_wanted" && value.is_boolean())
            request.workspace_wanted = value.get<bool>();
        else if (key == "workspace" && text)
            request.workspace = value.get<std::string>();
        else if (key == "ttl" && value.is_number_unsigned())
            request.time_to_live = std::chrono::seconds(value.get<std::uint32_t>());
        else if (key == "lease" && value.is_number_unsigned())
            request.lease = std::chrono::seconds(value.get<std::uint32_t>());
        else if (key == "labels" && value.is_object() && std::ranges::all_of(value, [](const Json& each) { return each.is_string(); }))
            request.labels = value.get<std::map<std::string, std::string>>();
        else
            throw Refused{{400, "unknown or ill-typed field: " + key}};
    }
    return request;
}

Json json_of_report(const cleanup::Report& report)
{
    Json removed = Json::object();
    for (const auto& [kind, count] : report.removed) removed[std::string(rules::kind_name(kind))] = count;
    Json left = Json::array();
    for (const cleanup::Left& each : report.left)
        left.push_back({{"kind", rules::kind_name(each.object.kind)}, {"name", each.object.shown_name()}, {"id", each.object.id}, {"error", each.error}});
    return {{"removed", std::move(removed)}, {"kept", report.kept}, {"left", std::move(left)}, {"clean", report.clean()}};
}

/// Closes all jobs side by side, within `limit`: of each its report, or why there is none.
Task<Json> close_all(Jobs& jobs, std::chrono::seconds limit)
{
    Json reports = Json::array();
    for (const Job* job : jobs.all()) reports.push_back({{"id", job->facts.id}, {"key", job->facts.key}});
    const auto close_one = [&](std::size_t at) -> Task<> {
        try {
            const std::string key = reports[at].at("key");
            const auto report = co_await jobs.close(key, limit);
            reports[at].update(report ? json_of_report(*report) : Json{{"error", report.error().message}, {"clean", false}});
        } catch (const std::exception& failure) {
            reports[at].update({{"error", failure.what()}, {"clean", false}});
        }
    };
    co_await cleanup::side_by_side(reports.size(), reports.size(), close_one);
    co_return reports;
}

Json profile_names(const Jobs& jobs)
{
    Json names = Json::array();
    for (const auto& [name, profile] : jobs.rulebook().profiles) names.push_back(name);
    return names;
}

Task<Json> status(Jobs& jobs, Services services, const Daemon& daemon)
{
    const auto reap = co_await services.store.read<std::optional<db::Reap>>([](db::Ledger& ledger) { return ledger.last_reap(); });
    std::uint64_t siblings = 0, refusals = 0, observed = 0, requests = 0;
    for (const Job* job : jobs.all()) {
        siblings += job->objects.count(rules::Kind::container);
        refusals += job->meter.refusals;
        observed += job->meter.observed;
        requests += job->meter.requests;
    }
    Json disks = Json::object();
    const std::string engine_data = services.engine.root_directory();
    const auto look = [&] {
        disks["ledger"] = json_of(space_at(daemon.config->state_dir, false));
        if (!engine_data.empty()) disks["engine"] = json_of(space_at(engine_data, false));
    };
    co_await aside(look);
    const log::Counts logged = log::counts();
    Json json = {{"version", daemon.version},
                 {"uptime", std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - daemon.started).count()},
                 {"engine", {{"address", "unix://" + services.engine.address()}, {"version", services.engine.server_version()}, {"api", rules::to_string(services.engine.versions().newest)}}},
                 {"state_dir", daemon.config->state_dir.string()},
                 {"runtime_dir", daemon.config->runtime_dir.string()},
                 {"network_pool", daemon.config->network_pool},
                 {"network_size", daemon.config->network_size},
                 {"jobs", jobs.all().size()},
                 {"siblings", siblings},
                 {"requests", requests},
                 {"refusals", refusals},
                 {"observed", observed},
                 {"isolation", json_of(services.firewall)},
                 {"cache", services.cache.size()},
                 {"disks", std::move(disks)},
                 {"logged", {{"errors", logged.errors}, {"warnings", logged.warnings}}},
                 {"ledger", services.store.trouble()},
                 {"ledger_lost", services.store.lost()}};
    if (reap) json["last_reap"] = {{"finished", reap->finished}, {"removed", reap->removed}, {"left", reap->left}};
    co_return json;
}

/// `<job>` of `/jobs/<job>/<action>`; nullopt when `path` is another.
std::optional<std::string> job_of(std::string_view path, std::string_view action)
{
    constexpr std::string_view jobs_path = "/jobs/";
    if (!path.starts_with(jobs_path) || !path.ends_with(action)) return std::nullopt;
    path.remove_prefix(jobs_path.size());
    path.remove_suffix(action.size());
    return rules::percent_decode(path, false);
}

Task<Json> answer(const RequestHead& head, const Json& body, Jobs& jobs, Services services, const Daemon& daemon)
{
    const std::size_t mark = std::min(head.target.find('?'), head.target.size());
    const std::string_view path = head.target.substr(0, mark);
    const rules::Query query = or_refuse(rules::Query::parse(head.target.substr(std::min(mark + 1, head.target.size()))));
    const bool get = head.method == "GET", post = head.method == "POST";

    if (get && path == "/status") co_return co_await status(jobs, services, daemon);
    if (get && path == "/rules") co_return Json{{"path", jobs.rules_path().string()}, {"profiles", profile_names(jobs)}};
    if (post && path == "/rules/reload") {
        or_refuse(co_await jobs.reload_rules());
        co_return Json{{"path", jobs.rules_path().string()}, {"profiles", profile_names(jobs)}};
    }
    if (get && path == "/jobs") {
        Json list = Json::array();
        for (const Job* job : jobs.all()) list.push_back(json_of(*job, services.firewall));
        co_return list;
    }
    if (post && path == "/jobs") {
        OpenRequest request = open_request(body);
        const Job* job = or_refuse(co_await jobs.open(std::move(request)));
        co_return json_of(*job, services.firewall);
    }
    if (get && path == "/audit") {
        const db::RequestFilter filter = filter_of(query);
        const auto requests = co_await services.store.read<std::vector<db::Request>>([&filter](db::Ledger& ledger) { return ledger.requests(filter); });
        Json list = Json::array();
        for (const db::Request& each : requests) list.push_back(json_of(each));
        co_return list;
    }
    if (post && path == "/jobs/close") co_return co_await close_all(jobs, seconds_of(query.get("timeout"), close_limit_default));
    if (post && path == "/cleanup") co_return co_await jobs.cleanup(query.flag("dry_run"), query.flag("orphans"));
    if (const auto id = job_of(path, "/close"); id && post)
        co_return json_of_report(or_refuse(co_await jobs.close(*id, seconds_of(query.get("timeout"), close_limit_default))));
    if (const auto id = job_of(path, "/renew"); id && post) {
        or_refuse(jobs.renew(*id));
        co_return Json::object();
    }
    if (const auto id = job_of(path, ""); id && get) {
        const Job* job = jobs.find(*id);
        if (!job) throw Refused{{404, "there is no open job " + *id}};
        co_return json_of(*job, services.firewall);
    }
    throw Refused{{404, "page not found"}};
}

Task<> serve_request(Client& client, const RequestHead& head, Jobs& jobs, Services services, const Daemon& daemon)
{
    std::optional<rules::Error> refusal;
    LongTexts texts;
    Spend spend(texts);
    std::optional<Lock::Held> turn;
    try {
        const Json body = or_refuse(co_await client.read_json(head, body_max, spend, turn));
        if (const auto id = job_of(head.target, "/hold"); id && head.method == "POST") {
            or_refuse(co_await jobs.hold(*id, client));
            throw Gone("the holder has gone");
        }
        const Json shown = co_await answer(head, body, jobs, services, daemon);
        co_await client.reply_json(200, shown);
        co_return;
    } catch (const Refused& refused) {
        refusal = refused.error;
    } catch (const Gone&) {
        throw;
    } catch (const std::exception& failure) {
        log::error("administration", {{"target", head.target}, {"error", failure.what()}});
        refusal = rules::Error{500, failure.what()};
    }
    co_await client.refuse(*refusal);
}

}  // namespace

Task<> serve_admin(std::unique_ptr<Transport> transport, Jobs& jobs, Services services, Daemon daemon)
{
    const std::string identity;
    Client client(std::move(transport), identity);
    try {
        for (;;) {
            const auto head = co_await client.read_head();
            if (!head) break;
            co_await serve_request(client, *head, jobs, services, daemon);
            if (!client.persistent()) break;
        }
    } catch (const Gone&) {
        // The command was interrupted; what it asked for goes on.
    }
}

}  // namespace broker
