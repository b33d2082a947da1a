#include "broker/daemon/audit.h"

#include <fmt/format.h>

#include <charconv>

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
    return fmt::format("/audit?job={}&denied={:d}&since={}&after={}&most={}", rules::percent_encode(filter.job), filter.denied, filter.since,
                       filter.after, filter.most);
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

}  // namespace broker
