#include "rules/schema.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>

namespace rules {
namespace {

Result<Json> admit_object(const Json& body, const Schema& schema, const std::string& path);

std::string join(const std::string& path, std::string_view key)
{
    return path.empty() ? std::string(key) : path + "." + std::string(key);
}

tl::unexpected<Error> wrong_type(const std::string& path, std::string_view wanted)
{
    return bad_request("invalid JSON: " + path + " must be " + std::string(wanted));
}

bool is_integer(const Json& value)
{
    if (value.is_number_unsigned()) return value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
    return value.is_number_integer();
}

template <class Check>
bool all_of(const Json& container, Check check)
{
    return std::ranges::all_of(container.begin(), container.end(), check);
}

/// What a value of `type` must be; empty when it is.
std::string_view mismatch(const Json& value, Type type)
{
    const auto is_text = [](const Json& each) { return each.is_string(); };
    const auto is_text_or_null = [](const Json& each) { return each.is_string() || each.is_null(); };
    const auto said = [](bool right, std::string_view wanted) { return right ? std::string_view() : wanted; };
    switch (type) {
        case Type::boolean:
            return said(value.is_boolean(), "true or false");
        case Type::integer:
            return said(is_integer(value), "an integer of 64 bits");
        case Type::text:
            return said(value.is_string(), "a string");
        case Type::text_list:
            return said(value.is_array() && all_of(value, is_text), "a list of strings");
        case Type::text_or_list:
            return said(value.is_string() || (value.is_array() && all_of(value, is_text)), "a list of strings");
        case Type::text_map:
            return said(value.is_object() && all_of(value, is_text_or_null), "a map of strings");
        case Type::integer_list:
            return said(value.is_array() && all_of(value, is_integer), "a list of integers");
        case Type::object:
        case Type::object_map:
        case Type::object_list_map:
            return said(value.is_object(), "an object");
        case Type::object_list:
            return said(value.is_array(), "a list of objects");
        case Type::any:
            break;
    }
    return {};
}

Result<Json> admit_list(const Json& list, const Schema& inside, const std::string& path)
{
    if (!list.is_array()) return wrong_type(path, "a list of objects");
    Json admitted = Json::array();
    for (std::size_t at = 0; at < list.size(); ++at) {
        Result<Json> item = admit_object(list[at], inside, path + "[" + std::to_string(at) + "]");
        if (!item) return item;
        admitted.push_back(std::move(*item));
    }
    return admitted;
}

Result<Json> admit_map(const Json& map, const Field& field, const std::string& path)
{
    const bool lists = field.type == Type::object_list_map;
    Json admitted = Json::object();
    for (const auto& [key, value] : map.items()) {
        const Json& given = value.is_null() ? (lists ? Json::array() : Json::object()) : value;
        Result<Json> item = lists ? admit_list(given, *field.inside, join(path, key))
                                  : admit_object(given, *field.inside, join(path, key));
        if (!item) return item;
        admitted[key] = std::move(*item);
    }
    return admitted;
}

/// The canonical form of a value that goes on.
Result<Json> admit_value(const Json& value, const Field& field, const std::string& path)
{
    switch (field.type) {
        case Type::text_or_list:
            return value.is_string() ? Json::array({value}) : value;
        case Type::text_map: {
            Json map = Json::object();
            for (const auto& [key, text] : value.items()) map[key] = text.is_null() ? Json("") : text;
            return map;
        }
        case Type::object:
            return admit_object(value, *field.inside, path);
        case Type::object_list:
            return admit_list(value, *field.inside, path);
        case Type::object_map:
        case Type::object_list_map:
            return admit_map(value, field, path);
        default:
            return value;
    }
}

/// Go would take `key` for a field whose name only folds alike, and of two such keys it takes both.
Result<void> check_spelling(const Json& body, const Schema& schema, const std::string& path)
{
    std::set<std::string> seen;
    for (const auto& [key, value] : body.items()) {
        const std::string folded = fold_key(key);
        if (!seen.insert(folded).second)
            return bad_request("invalid JSON: the key \"" + join(path, key) + "\" is given twice");
        if (std::ranges::any_of(key, [](unsigned char c) { return c >= 0x80; }))
            return bad_request("invalid JSON: the key \"" + join(path, key) + "\" is not ASCII");
        if (std::ranges::find(schema.fields, key, &Field::name) != schema.fields.end()) continue;
        for (const Field& field : schema.fields)
            if (fold_key(field.name) == folded)
                return bad_request("invalid JSON: the key \"" + join(path, key) + "\" is spelled \"" +
                                   std::string(field.name) + "\"");
    }
    return {};
}

Result<Json> admit_object(const Json& body, const Schema& schema, const std::string& path)
{
    if (!body.is_object()) return wrong_type(path.empty() ? std::string("the body") : path, "an object");
    if (const Result<void> spelling = check_spelling(body, schema, path); !spelling)
        return tl::unexpected(spelling.error());

    Json admitted = Json::object();
    for (const auto& [key, value] : body.items()) {
        const std::string where = join(path, key);
        const auto field = std::ranges::find(schema.fields, key, &Field::name);
        if (field == schema.fields.end()) {
            if (is_zero(value)) continue;
            return denied("unknown-field", where, value.dump(),
                          "this version of berth does not know the field; leave it out");
        }
        if (value.is_null()) continue;
        if (const std::string_view wanted = mismatch(value, field->type); !wanted.empty())
            return wrong_type(where, wanted);
        if (field->fate == Fate::forbid || (field->fate == Fate::deny && !is_zero(value)))
            return denied(std::string(field->rule), where, value.dump(), std::string(field->way_out));
        if (field->fate == Fate::deny || field->fate == Fate::drop || field->fate == Fate::force) continue;
        Result<Json> item = admit_value(value, *field, where);
        if (!item) return item;
        admitted[key] = std::move(*item);
    }
    return admitted;
}

}  // namespace

Result<Json> admit(const Json& body, const Schema& schema)
{
    return admit_object(body, schema, {});
}

}  // namespace rules
