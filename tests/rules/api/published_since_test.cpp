#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "rules/api/params.h"
#include "tests/rules/api/published.h"

// From which version on an engine knows a name: an older one must not pass over it in silence.
namespace rules {
namespace {

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
    for (const char* name : {"filters", "cachefrom", "digests", "BindOptions", "BindOptions.Propagation", "BindOptions.NonRecursive",
                             "BindOptions.CreateMountpoint", "EnableIPv4", "type", "version", "NanoCPUs"})
        if (each.name == name || each.name.ends_with(std::string(".") + name)) return true;
    return false;
}

bool goes_on(Disposition disposition)
{
    return disposition == Disposition::pass || disposition == Disposition::check || disposition == Disposition::rewrite;
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
            if (param == row->params.end() || !goes_on(param->disposition)) continue;
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
        if (found.trail.empty() || found.misspelt || !goes_on(found.trail.back()->disposition)) continue;
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

}  // namespace
}  // namespace rules
