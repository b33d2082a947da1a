#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "rules/api/endpoints.h"
#include "rules/bodies/bodies.h"

// Every name that an engine reads from a request, of every API version that there is: the list of them, and where the name of a body leads in
// its schema. data/published.txt has the names; data/published.py says where they come from.
namespace rules {

/// A line of data/published.txt.
struct Published {
    std::string kind;  ///< `operation`, `query`, `body`
    std::string method;
    std::string path;
    std::string name;  ///< of a body, a path: `HostConfig.Mounts[].Source`
    std::vector<std::string> seen;
};

inline const std::vector<Published>& published()
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

inline std::vector<Published> of_kind(std::string_view kind)
{
    std::vector<Published> lines;
    std::ranges::copy_if(published(), std::back_inserter(lines), [&](const auto& each) { return each.kind == kind; });
    return lines;
}

inline const Endpoint* row_of(const Published& each)
{
    for (const Endpoint& row : endpoints())
        if (method_name(row.method) == each.method && row.path == each.path) return &row;
    return nullptr;
}

/// The API versions and engines of a line, each for itself.
inline std::vector<std::string> columns(const Published& each)
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

/// A value of the type that is not its zero.
inline Json sample(const Field& field)
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
inline Json around(const Field& field, Json inside)
{
    switch (field.type) {
        case Type::object_list: return Json::array({std::move(inside)});
        case Type::object_map: return {{"k", std::move(inside)}};
        case Type::object_list_map: return {{"k", Json::array({std::move(inside)})}};
        default: return inside;
    }
}

inline std::vector<std::string> pieces(const std::string& name)
{
    std::vector<std::string> found;
    std::istringstream text(name);
    for (std::string piece; std::getline(text, piece, '.');) found.push_back(piece.substr(0, piece.find_first_of("[{")));
    return found;
}

inline bool folds_alike(std::string_view a, std::string_view b)
{
    return fold_key(a) == fold_key(b);
}

/// Where the names of a body lead in a schema.
struct Found {
    std::vector<const Field*> trail;  ///< down to the field that decides
    bool misspelt = false;            ///< the last one only folds alike
};

inline Found find_field(const Schema& schema, const std::string& name)
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

inline Json body_with(const std::vector<const Field*>& trail, Json value, std::string_view last_name)
{
    for (auto field = trail.rbegin(); field != trail.rend(); ++field) {
        if (field != trail.rbegin()) value = around(**field, std::move(value));
        value = Json{{std::string(field == trail.rbegin() ? last_name : (*field)->name), std::move(value)}};
    }
    return value;
}

}  // namespace rules
