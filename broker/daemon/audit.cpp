#include "broker/daemon/audit.h"

#include <fmt/format.h>

#include <charconv>

#include "broker/cli/admin_client.h"
#include "rules/query.h"

namespace broker {

using rules::Json;

namespace {

Json parsed(const std::string& text)
{
    return text.empty() ? Json() : Json::parse(text);
}

}  // namespace

Json json_of(const db::Request& request)
{
    return {{"row", request.row},
            {"job", request.job_id},
            {"key", request.job},
            {"profile", request.job_profile},
            {"at", request.at},
            {"endpoint", request.endpoint},
            {"method", request.method},
            {"target", request.target},
            {"body", parsed(request.body)},
            {"facts", parsed(request.facts)},
            {"whole", request.whole},
            {"verdict", rules::outcome_name(request.outcome)},
            {"field", request.field},
            {"rule", request.rule},
            {"value", request.value}};
}

std::string target_of(const db::RequestFilter& filter)
{
    return fmt::format("/audit?job={}&denied={:d}&since={}&after={}&most={}", rules::percent_encode(filter.job), filter.denied, filter.since, filter.after,
                       filter.most);
}

db::RequestFilter filter_of(const rules::Query& query)
{
    const auto number = [&query](std::string_view key, auto absent) {
        const std::string_view text = query.get(key);
        std::from_chars(text.data(), text.data() + text.size(), absent);
        return absent;
    };
    db::RequestFilter filter;
    filter.job = query.get("job");
    filter.denied = query.flag("denied");
    filter.since = number("since", filter.since);
    filter.after = number("after", filter.after);
    filter.most = std::min(number("most", filter.most), filter.most);
    return filter;
}

std::vector<Json> past_requests(const std::string& admin, const std::filesystem::path& state_dir, db::RequestFilter filter)
{
    std::vector<Json> all;
    try {
        for (;;) {
            const Json portion = ask_daemon(admin, "GET", target_of(filter));
            for (const Json& each : portion) all.push_back(each);
            if (portion.size() < filter.most) return all;
            filter.after = portion.back().value("row", std::int64_t{0});
        }
    } catch (const NoDaemon&) {
        const std::filesystem::path file = state_dir / "berth.db";
        if (!all.empty() || !std::filesystem::exists(file)) throw;
        filter.most = static_cast<std::size_t>(db::requests_kept_of_all) * 2;
        const db::Ledger ledger(file);
        for (const db::Request& each : ledger.requests(filter)) all.push_back(json_of(each));
        return all;
    }
}

std::optional<rules::AskedRequest> asked_of(const Json& request)
{
    if (!request.value("whole", false)) return std::nullopt;
    rules::AskedRequest asked{request.value("method", ""), request.value("target", "")};
    if (const auto body = request.find("body"); body != request.end()) asked.body = *body;
    if (const auto facts = request.find("facts"); facts != request.end() && facts->is_object()) asked.facts = *facts;
    return asked;
}

}  // namespace broker
