#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "rules/api/endpoints.h"
#include "rules/api/params.h"
#include "rules/api/route.h"
#include "rules/bodies/bodies.h"

// Every name that an engine reads from a request, of every API version that there is, has its disposition, and it is
// what happens. data/published.txt has the names; data/published.py says where they come from.
//
// BERTH_TABLES=DIR in the environment writes the table to DIR/dispositions.txt.
namespace rules {
namespace {

/// A line of data/published.txt.
struct Published {
    std::string kind;  ///< `operation`, `query`, `body`
    std::string method;
    std::string path;
    std::string name;  ///< of a body, a path: `HostConfig.Mounts[].Source`
    std::vector<std::string> seen;
};

const std::vector<Published>& published()
{
    static const std::vector<Published> lines = [] {
        std::ifstream file(std::filesystem::path(BERTH_SOURCE_DIR) / "tests/rules/data/published.txt");
        if (!file) throw std::runtime_error("no data/published.txt");
        std::vector<Published> read;
        for (std::string line; std::getline(file, line);) {
            if (line.starts_with('#')) continue;
            std::istringstream words(line);
            Published each;
            words >> each.kind >> each.method >> each.path >> each.name;
            for (std::string word; words >> word;) each.seen.push_back(word);
            read.push_back(std::move(each));
        }
        return read;
    }();
    return lines;
}

std::vector<Published> of_kind(std::string_view kind)
{
    std::vector<Published> lines;
    std::ranges::copy_if(published(), std::back_inserter(lines), [&](const auto& each) { return each.kind == kind; });
    return lines;
}

/// Only what engines before API 1.25 had: theirs alone may be without a row.
bool is_bygone(const Published& each)
{
    return std::ranges::all_of(each.seen, [](const auto& seen) { return seen == "1.24" || seen == "engine-1.12"; });
}

const Endpoint* row_of(const Published& each)
{
    for (const Endpoint& row : endpoints())
        if (method_name(row.method) == each.method && row.path == each.path) return &row;
    return nullptr;
}

/// The path of an operation, with objects in it.
std::string sample_path(std::string path)
{
    for (const std::string_view part : {"{id}", "{checkpoint}"})
        if (const std::size_t at = path.find(part); at != std::string::npos)
            path.replace(at, part.size(), "a1");
    return path;
}

std::string_view word(Fate fate)
{
    constexpr std::string_view words[] = {"pass", "check", "rewrite", "force", "drop", "deny", "forbid"};
    return words[static_cast<std::size_t>(fate)];
}

/// A value of the type that is not its zero.
Json sample(const Field& field)
{
    switch (field.type) {
        case Type::boolean: return true;
        case Type::integer: return 7;
        case Type::text: return "x";
        case Type::text_list:
        case Type::text_or_list: return Json::array({"x"});
        case Type::text_map: return {{"k", "x"}};
        case Type::integer_list: return Json::array({7});
        case Type::object: return field.inside ? Json::object() : Json{{"x", 1}};
        case Type::object_list: return Json::array({field.inside ? Json::object() : Json{{"x", 1}}});
        case Type::object_map: return {{"k", Json::object()}};
        case Type::object_list_map: return {{"k", Json::array({Json::object()})}};
        case Type::any: return "x";
    }
    return nullptr;
}

/// What a body holds around a value that is under test.
Json around(const Field& field, Json inside)
{
    switch (field.type) {
        case Type::object_list: return Json::array({std::move(inside)});
        case Type::object_map: return {{"k", std::move(inside)}};
        case Type::object_list_map: return {{"k", Json::array({std::move(inside)})}};
        default: return inside;
    }
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

std::vector<std::string> pieces(const std::string& name)
{
    std::vector<std::string> found;
    std::istringstream text(name);
    for (std::string piece; std::getline(text, piece, '.');) found.push_back(piece.substr(0, piece.find_first_of("[{")));
    return found;
}

bool folds_alike(std::string_view a, std::string_view b)
{
    return fold_key(a) == fold_key(b);
}

/// Where the names of a body lead in a schema.
struct Found {
    std::vector<const Field*> trail;  ///< down to the field that decides
    bool misspelt = false;            ///< the last one only folds alike
};

Found find_field(const Schema& schema, const std::string& name)
{
    Found found;
    const Schema* inside = &schema;
    for (const std::string& piece : pieces(name)) {
        if (!inside) break;  // the field above decides over all that is in it
        auto field = std::ranges::find(inside->fields, piece, &Field::name);
        if (field == inside->fields.end()) {
            field = std::ranges::find_if(inside->fields, [&](const auto& each) { return folds_alike(each.name, piece); });
            if (field == inside->fields.end()) return {};
            found.misspelt = true;
        }
        found.trail.push_back(&*field);
        inside = field->inside;
    }
    return found;
}

Json body_with(const std::vector<const Field*>& trail, Json value, std::string_view last_name)
{
    for (auto field = trail.rbegin(); field != trail.rend(); ++field) {
        if (field != trail.rbegin()) value = around(**field, std::move(value));
        value = Json{{std::string(field == trail.rbegin() ? last_name : (*field)->name), std::move(value)}};
    }
    return value;
}

/// What becomes of a field that a client sends, shown by sending it; empty when it is not what its fate says.
std::string disposition(const Schema& schema, const Found& found, const std::string& name)
{
    const Field& field = *found.trail.back();
    const std::string last = found.misspelt ? pieces(name).back() : std::string(field.name);
    const Result<Json> admitted = admit(body_with(found.trail, sample(field), last), schema);
    const Result<Json> null = admit(body_with(found.trail, nullptr, last), schema);
    if (found.misspelt)
        return !admitted && admitted.error().status == 400 && !null && null.error().status == 400 ? "refused: misspelt" : "";
    if (!null || at(*null, found.trail)) return "";
    switch (field.fate) {
        case Fate::pass:
        case Fate::check:
        case Fate::rewrite:
            if (!admitted || !at(*admitted, found.trail) || *at(*admitted, found.trail) != sample(field)) return "";
            break;
        case Fate::force:
        case Fate::drop:
            if (!admitted || at(*admitted, found.trail)) return "";
            break;
        case Fate::deny:
        case Fate::forbid:
            if (admitted || admitted.error().status != 403 || admitted.error().rule != field.rule) return "";
            if (!admitted.error().field.ends_with(last) || field.way_out.empty()) return "";
            return std::string(word(field.fate)) + " " + std::string(field.rule);
    }
    return std::string(word(field.fate));
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
    const Result<Query> kept = dispose(row, query);
    switch (param.fate) {
        case Fate::pass:
        case Fate::rewrite:
            if (!kept || !kept->find(param.name)) return "";
            break;
        case Fate::check:
            if (kept ? !kept->find(param.name) : kept.error().message.find(param.name) == std::string::npos) return "";
            break;
        case Fate::force:
        case Fate::drop:
            if (!kept || !kept->empty()) return "";
            break;
        case Fate::deny:
        case Fate::forbid:
            if (kept || kept.error().status != 403 || kept.error().field != param.name) return "";
    }
    Query twice;
    twice.add(param.name, sample(param));
    twice.add(param.name, sample(param));
    if (param.type != ParamType::text_list && dispose(row, twice)) return "";
    return std::string(word(param.fate));
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

/// The API versions and engines of a line, each for itself.
std::vector<std::string> columns(const Published& each)
{
    std::vector<std::string> names;
    for (const std::string& seen : each.seen) {
        if (!seen.starts_with("1.")) {
            names.push_back(seen);
            continue;
        }
        const std::size_t dash = seen.find('-');
        const int first = std::stoi(seen.substr(2));
        const int last = dash == std::string::npos ? first : std::stoi(seen.substr(dash + 3));
        for (int minor = first; minor <= last; ++minor) names.push_back("1." + std::to_string(minor));
    }
    return names;
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

/// The first API version of which an engine reads what the line names; nullopt: all that we serve.
std::optional<int> first_minor(const Published& each)
{
    const std::vector<std::string> seen = columns(each);
    const auto has = [&](const char* column) { return std::ranges::find(seen, column) != seen.end(); };
    // (The schema of 1.24 alone names what no engine of that time reads.)
    if (has("engine-1.12") || (has("1.24") && has("1.25"))) return std::nullopt;
    std::optional<int> first;
    for (const std::string& column : seen)
        if (column.starts_with("1.") && column != "1.24") first = std::min(first.value_or(99), std::stoi(column.substr(2)));
    return first;
}

/// What an older engine may pass over: berth does it itself, or writes a value of its own there.
bool is_done_here(const Published& each)
{
    for (const char* name : {"filters", "cachefrom", "digests", "BindOptions", "BindOptions.Propagation", "BindOptions.NonRecursive", "BindOptions.CreateMountpoint", "EnableIPv4", "type", "version", "NanoCPUs"})
        if (each.name == name || each.name.ends_with(std::string(".") + name)) return true;
    return false;
}

bool goes_on(Fate fate)
{
    return fate == Fate::pass || fate == Fate::check || fate == Fate::rewrite;
}

TEST(Published, WhatIsYoungerThanAnEngineIsRefusedByItsName)
{
    // Lines that lead to the same field: the one that has it first decides.
    std::map<const Field*, std::optional<int>> fields;
    std::map<const Field*, std::pair<Version, std::string>> known;
    int params = 0;
    for (const Published& each : published()) {
        const Endpoint* row = row_of(each);
        if (!row || row->closed.status != 0 || each.kind == "operation" || is_done_here(each)) continue;
        const std::optional<int> first = first_minor(each);
        if (each.kind == "query") {
            const auto param = std::ranges::find(row->params, each.name, &Param::name);
            if (param == row->params.end() || !goes_on(param->fate)) continue;
            EXPECT_EQ(param->since, first ? Version(1, *first) : Version()) << each.path << "?" << each.name;
            if (!first) continue;
            ++params;
            Query query;
            query.add(each.name, "1");
            const auto older = check_since(*row, query, Version{1, *first - 1});
            ASSERT_FALSE(older) << each.path << "?" << each.name;
            EXPECT_NE(older.error().message.find(each.name + " needs an engine of API 1." + std::to_string(*first)), std::string::npos);
            EXPECT_TRUE(check_since(*row, query, Version{1, *first}));
            continue;
        }
        const Found found = row->schema ? find_field(*row->schema, each.name) : Found{};
        if (found.trail.empty() || found.misspelt || !goes_on(found.trail.back()->fate)) continue;
        const Field* field = found.trail.back();
        Version since;
        for (const Field* above : found.trail) since = std::max(since, above->since);
        const auto [at, added] = fields.emplace(field, first);
        if (!added && (!first || !at->second))
            at->second = std::nullopt;
        else if (!added)
            at->second = std::min(*at->second, *first);
        known.insert_or_assign(field, std::pair(since, each.path + " " + each.name));
        if (since == Version()) continue;
        const Json body = body_with(found.trail, sample(*field), field->name);
        if (field->inside) continue;  // says nothing by itself
        EXPECT_FALSE(check_since(body, *row->schema, Version{1, since.minor - 1})) << each.name;
        EXPECT_TRUE(check_since(body, *row->schema, since)) << each.name;
    }
    int young = 0;
    for (const auto& [field, first] : fields) {
        const auto& [since, name] = known[field];
        EXPECT_EQ(since, first ? Version(1, *first) : Version()) << name;
        young += first.has_value();
    }
    EXPECT_GT(young, 20);
    EXPECT_GT(params, 15);
}

TEST(Published, AnOldEngineTakesZeroValuesOfWhatItDoesNotKnow)
{
    const Json zeros = Json::parse(R"({"HostConfig":{"Mounts":[{"Type":"volume","VolumeOptions":{"Subpath":""}}],"DeviceRequests":[],"Init":false},
                                       "Healthcheck":{"StartInterval":0}})");
    EXPECT_TRUE(check_since(zeros, container_create_schema, Version{1, 41}));
    EXPECT_TRUE(check_since(Json::parse(R"({"ConsoleSize":[0,0]})"), exec_create_schema, Version{1, 41}));
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
        const Result<Route> route = find_row(each.method, sample_path(each.path)).and_then([&](const Row& row) { return route_to(row, versions); });
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
        const Result<Query> kept = dispose(row, query);
        ASSERT_FALSE(kept) << row.name;
        EXPECT_EQ(kept.error().rule, "unknown-parameter") << row.name;
        for (const char* zero : {"", "0", "false", "null", "[]", "{}"}) {
            Query empty;
            empty.add("Unheard-Of", zero);
            const Result<Query> dropped = dispose(row, empty);
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
