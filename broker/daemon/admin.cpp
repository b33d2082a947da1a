#include "broker/daemon/admin.h"

#include <charconv>

#include "broker/daemon/audit.h"
#include "broker/http/refused.h"
#include "broker/io/log.h"
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
    if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > 1'000'000'000)
        throw Refused{{400, "not a number of seconds: " + std::string(text)}};
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
        left.push_back(
            {{"kind", rules::kind_name(each.object.kind)}, {"name", each.object.shown_name()}, {"id", each.object.id}, {"error", each.error}});
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

/// One request at the administration socket, and what its answer is made of.
struct AdminCall {
    Client& client;
    const std::string job;  ///< `{job}` of its path: id or key
    const rules::Query query;
    const Json body;
    Jobs& jobs;
    Services& services;
    const DaemonFacts& daemon;

    std::chrono::seconds timeout() const { return seconds_of(query.get("timeout"), close_limit_default); }
};

Json rules_in_force(const Jobs& jobs)
{
    Json names = Json::array();
    for (const auto& [name, profile] : jobs.rulebook().profiles) names.push_back(name);
    return {{"path", jobs.rules_path().string()}, {"profiles", std::move(names)}};
}

Task<Json> show_status(AdminCall& call)
{
    return status(call.jobs, call.services, call.daemon);
}

Task<Json> show_rules(AdminCall& call)
{
    co_return rules_in_force(call.jobs);
}

Task<Json> reload_rules(AdminCall& call)
{
    or_refuse(co_await call.jobs.reload_rules());
    co_return rules_in_force(call.jobs);
}

Task<Json> list_jobs(AdminCall& call)
{
    Json list = Json::array();
    for (const Job* job : call.jobs.all()) list.push_back(json_of(*job, call.services.firewall));
    co_return list;
}

Task<Json> open_job(AdminCall& call)
{
    OpenRequest request = open_request(call.body);
    const Job* job = or_refuse(co_await call.jobs.open(std::move(request)));
    co_return json_of(*job, call.services.firewall);
}

Task<Json> show_job(AdminCall& call)
{
    const Job* job = call.jobs.find(call.job);
    if (!job) throw Refused{{404, "there is no open job " + call.job}};
    co_return json_of(*job, call.services.firewall);
}

Task<Json> close_job(AdminCall& call)
{
    co_return json_of_report(or_refuse(co_await call.jobs.close(call.job, call.timeout())));
}

Task<Json> close_jobs(AdminCall& call)
{
    return close_all(call.jobs, call.timeout());
}

Task<Json> renew_job(AdminCall& call)
{
    or_refuse(call.jobs.renew(call.job));
    co_return Json::object();
}

Task<Json> hold_job(AdminCall& call)
{
    or_refuse(co_await call.jobs.hold(call.job, call.client));
    throw Gone("the holder has gone");
}

Task<Json> list_requests(AdminCall& call)
{
    const db::RequestFilter filter = filter_of(call.query);
    const auto requests =
        co_await call.services.store.read<std::vector<db::Request>>([&filter](db::Ledger& ledger) { return ledger.requests(filter); });
    Json list = Json::array();
    for (const db::Request& each : requests) list.push_back(json_of(each));
    co_return list;
}

Task<Json> clean_up(AdminCall& call)
{
    return call.jobs.cleanup(call.query.flag("dry_run"), call.query.flag("orphans"));
}

/// What the administration socket can be asked (admin.h tells of bodies and answers). The first row that fits is served.
struct AdminRow {
    std::string_view method;
    std::string_view path;  ///< `{job}` stands for an id, which may have slashes
    Task<Json> (*serve)(AdminCall&);
};
constexpr AdminRow admin_rows[] = {
    {"GET", "/status", show_status},
    {"GET", "/rules", show_rules},
    {"POST", "/rules/reload", reload_rules},
    {"GET", "/audit", list_requests},
    {"POST", "/cleanup", clean_up},
    {"GET", "/jobs", list_jobs},
    {"POST", "/jobs", open_job},
    {"POST", "/jobs/close", close_jobs},
    {"POST", "/jobs/{job}/close", close_job},
    {"POST", "/jobs/{job}/renew", renew_job},
    {"POST", "/jobs/{job}/hold", hold_job},
    {"GET", "/jobs/{job}", show_job},
};

/// What stands for `{job}` when `path` is one of `row`; nullopt when it is another.
std::optional<std::string> job_of(const AdminRow& row, std::string_view path)
{
    constexpr std::string_view variable = "{job}";
    const std::size_t at = row.path.find(variable);
    if (at == row.path.npos) return path == row.path ? std::optional(std::string()) : std::nullopt;
    const std::string_view before = row.path.substr(0, at), behind = row.path.substr(at + variable.size());
    if (path.size() <= before.size() + behind.size() || !path.starts_with(before) || !path.ends_with(behind)) return std::nullopt;
    return rules::percent_decode(path.substr(before.size(), path.size() - before.size() - behind.size()), false);
}

Task<Json> answer(Client& client, const RequestHead& head, Json body, Jobs& jobs, Services& services, const DaemonFacts& daemon)
{
    const std::size_t mark = std::min(head.target.find('?'), head.target.size());
    const std::string_view path = head.target.substr(0, mark);
    rules::Query query = or_refuse(rules::Query::parse(head.target.substr(std::min(mark + 1, head.target.size()))));
    for (const AdminRow& row : admin_rows) {
        if (head.method != row.method) continue;
        const auto job = job_of(row, path);
        if (!job) continue;
        AdminCall call{client, *job, std::move(query), std::move(body), jobs, services, daemon};
        co_return co_await row.serve(call);
    }
    throw Refused{{404, "page not found"}};
}

Task<> serve_request(Client& client, const RequestHead& head, Jobs& jobs, Services& services, const DaemonFacts& daemon)
{
    std::optional<rules::Error> refusal;
    TextThrottle texts;
    Spend spend(texts);
    std::optional<Lock::Held> turn;
    try {
        Json body = or_refuse(co_await client.read_json(head, body_max, spend, turn));
        const Json shown = co_await answer(client, head, std::move(body), jobs, services, daemon);
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

Task<> serve_admin(std::unique_ptr<Transport> transport, Jobs& jobs, Services services, DaemonFacts daemon)
{
    const std::string headers;
    Client client(std::move(transport), headers);
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
