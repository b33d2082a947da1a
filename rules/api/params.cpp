#include "rules/api/params.h"

#include <algorithm>
#include <bitset>
#include <charconv>
#include <string>

#include "rules/api/ps_args.h"
#include "rules/json.h"

namespace rules {
namespace {

tl::unexpected<Error> ill_typed(const Param& param, std::string_view value, std::string_view wanted)
{
    return bad_request("invalid value \"" + std::string(value) + "\" of parameter \"" + std::string(param.name) +
                       "\": " + std::string(wanted));
}

/// `value` as the parameter's type has it: booleans `1` or `0`, integers without `+` and leading zeros, strict JSON
/// where it goes on unread. Empty stands for absent.
Result<std::string> typed(const Param& param, std::string_view value)
{
    if (param.type == ParamType::boolean) return std::string(is_true(value) ? "1" : "0");
    if (value.empty()) return std::string();
    if (param.type == ParamType::integer) {
        const std::string_view digits = value.starts_with('+') ? value.substr(1) : value;
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        const bool signs = value.starts_with('+') && digits.starts_with('-');
        if (error != std::errc() || end != digits.data() + digits.size() || signs)
            return ill_typed(param, value, "it must be an integer of 64 bits");
        return std::to_string(number);
    }
    if (param.type == ParamType::json && param.disposition == Disposition::pass) {
        const Result<Json> parsed = parse_json(value);
        if (!parsed) return ill_typed(param, value, parsed.error().message);
        return parsed->dump();
    }
    return std::string(value);
}

bool is_zero_json(std::string_view value)
{
    return value.empty() || value == "null" || value == "[]" || value == "{}";
}

/// Whether a typed value is what the engine would take for an absent one.
bool is_zero_of(ParamType type, std::string_view value)
{
    if (type == ParamType::boolean || type == ParamType::integer) return value.empty() || value == "0";
    return type == ParamType::json ? is_zero_json(value) : value.empty();
}

/// A parameter that is not in the row's list.
Result<void> check_unknown(const Endpoint& row, std::string_view key, std::string_view value)
{
    if (!is_true(value) || is_zero_json(value)) return {};
    // dockerode sends every option in the query and in the body; the engine reads these from the body alone.
    if (row.schema && std::ranges::find(row.schema->fields, key, &Field::name) != row.schema->fields.end()) return {};
    return denied("unknown-parameter", std::string(key), std::string(value),
                  "this version of berth does not know the parameter for " + std::string(row.name) + "; leave it out");
}

Result<void> check_value(const Endpoint& row, const Param& param, std::string_view value)
{
    if (row.op == Op::container_top) return check_ps_args(value);
    if (row.op == Op::build && param.name == "version" && value != "1") {
        if (value != "2") return bad_request("invalid version \"" + std::string(value) + "\"");
        return denied("closed-parameter", "version", "2", std::string(param.way_out));
    }
    return {};
}

/// Judges one item, and adds it to `kept` when it goes on.
Result<void> dispose_item(const Endpoint& row, const Param& param, std::string_view given, Query& kept)
{
    Result<std::string> value = typed(param, given);
    if (!value) return tl::unexpected(value.error());
    switch (param.disposition) {
        case Disposition::force:
        case Disposition::drop:
            return {};
        case Disposition::deny:
        case Disposition::forbid:
            if (is_zero_of(param.type, *value)) return {};
            return denied("closed-parameter", std::string(param.name), std::string(given), std::string(param.way_out));
        case Disposition::pass:
        case Disposition::check:
        case Disposition::rewrite:
            if (value->empty()) return {};
            if (param.disposition == Disposition::check)
                if (Result<void> checked = check_value(row, param, *value); !checked) return checked;
            kept.add(param.name, std::move(*value));
    }
    return {};
}

}  // namespace

Result<Query> filter_params(const Endpoint& row, const Query& query)
{
    Query kept;
    std::bitset<64> seen;
    for (const auto& [key, value] : query.items()) {
        const auto param = std::ranges::find(row.params, std::string_view(key), &Param::name);
        if (param == row.params.end()) {
            if (const Result<void> known = check_unknown(row, key, value); !known) return tl::unexpected(known.error());
            continue;
        }
        const auto at = static_cast<std::size_t>(param - row.params.begin());
        if (seen[at] && param->type != ParamType::text_list)
            return bad_request("parameter \"" + key + "\" is given more than once");
        seen.set(at);
        if (const Result<void> done = dispose_item(row, *param, value, kept); !done)
            return tl::unexpected(done.error());
    }
    return kept;
}

Result<void> check_since(const Endpoint& row, const Query& query, Version engine)
{
    if (engine >= newest_version) return {};  // it knows all that we know
    for (const auto& [key, value] : query.items()) {
        const auto param = std::ranges::find(row.params, std::string_view(key), &Param::name);
        if (param == row.params.end() || param->since <= engine || is_zero_of(param->type, value)) continue;
        return too_new(key, param->since, engine);
    }
    return {};
}

}  // namespace rules
