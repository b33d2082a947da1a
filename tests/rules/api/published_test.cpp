#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>

#include "rules/api/params.h"
#include "rules/api/route.h"
#include "tests/rules/api/published.h"

// Every published name has its disposition, and it is what happens.
//
// BERTH_TABLES=DIR in the environment writes the table to DIR/dispositions.txt.
namespace rules {
namespace {

/// Only what engines before API 1.25 had: theirs alone may be without a row.
bool is_bygone(const Published& each)
{
    return std::ranges::all_of(each.seen, [](const auto& seen) { return seen == "1.24" || seen == "engine-1.12"; });
}

/// The path of an operation, with objects in it.
std::string sample_path(std::string path)
{
    for (const std::string_view part : {"{id}", "{checkpoint}"})
        if (const std::size_t at = path.find(part); at != std::string::npos)
            path.replace(at, part.size(), "a1");
    return path;
}

std::string_view word(Disposition disposition)
{
    constexpr std::string_view words[] = {"pass", "check", "rewrite", "force", "drop", "deny", "forbid"};
    return words[static_cast<std::size_t>(disposition)];
}

/// The value of a body at the place that `around` made.
const Json* at(const Json& body, const std::vector<const Field*>& trail)
{
    const Json* value = &body;
    for (const Field* field : trail) {
        if (!value->is_object() || !value->contains(field->name)) return nullptr;
        value = &(*value)[std::string(field->name)];
        if (field == trail.back()) return value;
        if (field->type == Type::object_list) value = &value->at(0);
        if (field->type == Type::object_map || field->type == Type::object_list_map) value = &value->at("k");
        if (field->type == Type::object_list_map) value = &value->at(0);
    }
    return value;
}

/// What becomes of a field that a client sends, shown by sending it; empty when it is not what its disposition says.
std::string disposition(const Schema& schema, const Found& found, const std::string& name)
{
    const Field& field = *found.trail.back();
    const std::string last = found.misspelt ? pieces(name).back() : std::string(field.name);
    const Result<Json> admitted = admit(body_with(found.trail, sample(field), last), schema);
    const Result<Json> null = admit(body_with(found.trail, nullptr, last), schema);
    if (found.misspelt)
        return !admitted && admitted.error().status == 400 && !null && null.error().status == 400 ? "refused: misspelt" : "";
    if (!null || at(*null, found.trail)) return "";
    switch (field.disposition) {
        case Disposition::pass:
        case Disposition::check:
        case Disposition::rewrite:
            if (!admitted || !at(*admitted, found.trail) || *at(*admitted, found.trail) != sample(field)) return "";
            break;
        case Disposition::force:
        case Disposition::drop:
            if (!admitted || at(*admitted, found.trail)) return "";
            break;
        case Disposition::deny:
        case Disposition::forbid:
            if (admitted || admitted.error().status != 403 || admitted.error().rule != field.rule) return "";
            if (!admitted.error().field.ends_with(last) || field.way_out.empty()) return "";
            return std::string(word(field.disposition)) + " " + std::string(field.rule);
    }
    return std::string(word(field.disposition));
}

std::string sample(const Param& param)
{
    switch (param.type) {
        case ParamType::boolean: return "1";
        case ParamType::integer: return "7";
        case ParamType::json: return "{\"x\":[\"y\"]}";
        default: return "x";
    }
}

/// What becomes of a parameter that a client sends, shown by sending it.
std::string disposition(const Endpoint& row, const Param& param)
{
    Query query;
    query.add(param.name, sample(param));
    const Result<Query> kept = filter_params(row, query);
    switch (param.disposition) {
        case Disposition::pass:
        case Disposition::rewrite:
            if (!kept || !kept->find(param.name)) return "";
            break;
        case Disposition::check:
            if (kept ? !kept->find(param.name) : kept.error().message.find(param.name) == std::string::npos) return "";
            break;
        case Disposition::force:
        case Disposition::drop:
            if (!kept || !kept->empty()) return "";
            break;
        case Disposition::deny:
        case Disposition::forbid:
            if (kept || kept.error().status != 403 || kept.error().field != param.name) return "";
    }
    Query twice;
    twice.add(param.name, sample(param));
    twice.add(param.name, sample(param));
    if (param.type != ParamType::text_list && filter_params(row, twice)) return "";
    return std::string(word(param.disposition));
}

std::string disposition(const Published& each)
{
    const Endpoint* row = row_of(each);
    if (!row) return is_bygone(each) ? "absent: 404" : "";
    if (row->closed.status != 0) return "closed: " + std::to_string(row->closed.status);
    if (each.kind == "operation") return "open";
    if (each.kind == "query") {
        const auto param = std::ranges::find(row->params, each.name, &Param::name);
        return param == row->params.end() ? "" : disposition(*row, *param);
    }
    if (!row->schema) return "";
    const Found found = find_field(*row->schema, each.name);
    return found.trail.empty() ? "" : disposition(*row->schema, found, each.name);
}

TEST(Published, EveryNameHasADispositionAndItIsWhatHappens)
{
    std::map<std::string, std::map<std::string, std::map<std::string, int>>> counts;  // version, kind, disposition
    std::ostringstream table;
    for (const Published& each : published()) {
        const std::string what = disposition(each);
        EXPECT_FALSE(what.empty()) << each.kind << " " << each.method << " " << each.path << " " << each.name;
        table << each.kind << " " << each.method << " " << each.path << " " << each.name << ": "
              << (what.empty() ? "NONE" : what) << "\n";
        for (const std::string& column : columns(each)) ++counts[column][each.kind][what.empty() ? "NONE" : what];
    }

    std::ostringstream summary;
    for (auto& [version, kinds] : counts) {
        const auto all = [&](const std::string& kind) {
            int sum = 0;
            for (const auto& [what, count] : kinds[kind]) sum += count;
            return sum;
        };
        summary << version << ": " << all("operation") << " operations, " << all("query") << " parameters, " << all("body")
                << " properties of bodies; without a disposition: "
                << kinds["operation"]["NONE"] + kinds["query"]["NONE"] + kinds["body"]["NONE"] << "\n";
    }
    std::cout << summary.str();
    if (const char* folder = std::getenv("BERTH_TABLES"))
        std::ofstream(std::string(folder) + "/dispositions.txt") << summary.str() << "\n" << table.str();
}

TEST(Published, TheListReachesFromOurOldestVersionBeyondOurNewest)
{
    std::map<std::string, int> counts;
    for (const Published& each : published())
        for (const std::string& column : columns(each)) ++counts[column];
    for (int minor = oldest_version.minor; minor <= newest_version.minor + 1; ++minor)
        EXPECT_GT(counts["1." + std::to_string(minor)], 200) << minor;
    for (const char* engine : {"engine-1.12", "engine-20.10", "engine-26", "engine-28", "engine-29"})
        EXPECT_GT(counts[engine], 200) << engine;
    EXPECT_GT(of_kind("operation").size(), 120u);
    EXPECT_GT(of_kind("query").size(), 200u);
    EXPECT_GT(of_kind("body").size(), 700u);
}

TEST(Published, AnOperationIsRoutedToItsRowOrNowhere)
{
    const Versions versions{oldest_version, newest_version};
    for (const Published& each : of_kind("operation")) {
        const Endpoint* row = row_of(each);
        const Result<Route> route =
            find_endpoint(each.method, sample_path(each.path)).and_then([&](const MatchedEndpoint& row) { return route_to(row, versions); });
        if (row && row->closed.status == 0) {
            ASSERT_TRUE(route) << each.method << " " << each.path << ": " << route.error().message;
            EXPECT_EQ(route->endpoint, row) << each.path;
        } else {
            ASSERT_FALSE(route) << each.method << " " << each.path;
            EXPECT_EQ(route.error().status, row ? row->closed.status : 404) << each.path;
        }
    }
}

/// A name of no version at all: as names of engines that are not there yet will be.
TEST(Published, ANameThatNobodyKnowsIsRefusedUnlessItsValueIsZero)
{
    for (const Endpoint& row : endpoints()) {
        if (row.closed.status != 0) continue;
        Query query;
        query.add("Unheard-Of", "1");
        const Result<Query> kept = filter_params(row, query);
        ASSERT_FALSE(kept) << row.name;
        EXPECT_EQ(kept.error().rule, "unknown-parameter") << row.name;
        for (const char* zero : {"", "0", "false", "null", "[]", "{}"}) {
            Query empty;
            empty.add("Unheard-Of", zero);
            const Result<Query> dropped = filter_params(row, empty);
            ASSERT_TRUE(dropped) << row.name << " " << zero;
            EXPECT_TRUE(dropped->empty()) << row.name << " " << zero;
        }
        if (!row.schema) continue;
        const Result<Json> refused = admit(Json{{"UnheardOf", "x"}}, *row.schema);
        ASSERT_FALSE(refused) << row.name;
        EXPECT_EQ(refused.error().rule, "unknown-field") << row.name;
        const Result<Json> dropped = admit(Json{{"UnheardOf", nullptr}, {"UnheardToo", Json::object()}}, *row.schema);
        ASSERT_TRUE(dropped) << row.name;
        EXPECT_TRUE(dropped->empty()) << row.name;
    }
}

}  // namespace
}  // namespace rules
