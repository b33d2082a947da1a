#include <algorithm>

#include "rules/schema.h"

// Fields that are younger than the engine.
namespace rules {
namespace {

/// Also a list of nothing but zeros: the size of a terminal that there is not.
bool says_nothing(const Json& value)
{
    return is_zero(value) || (value.is_array() && std::ranges::all_of(value, is_zero));
}

Result<void> check_value(const Json& value, const Field& field, Version engine, const std::string& path);

Result<void> check_object(const Json& body, const Schema& schema, Version engine, const std::string& path)
{
    for (const auto& [key, value] : body.items()) {
        const auto field = std::ranges::find(schema.fields, std::string_view(key), &Field::name);
        if (field == schema.fields.end() || says_nothing(value)) continue;
        const std::string where = path.empty() ? key : path + "." + key;
        if (field->since > engine) return too_new(where, field->since, engine);
        if (field->inside)
            if (auto checked = check_value(value, *field, engine, where); !checked) return checked;
    }
    return {};
}

Result<void> check_list(const Json& list, const Schema& inside, Version engine, const std::string& path)
{
    for (std::size_t at = 0; at < list.size(); ++at)
        if (auto checked = check_object(list[at], inside, engine, path + "[" + std::to_string(at) + "]"); !checked) return checked;
    return {};
}

Result<void> check_value(const Json& value, const Field& field, Version engine, const std::string& path)
{
    if (field.type == Type::object) return check_object(value, *field.inside, engine, path);
    if (field.type == Type::object_list) return check_list(value, *field.inside, engine, path);
    for (const auto& [key, item] : value.items()) {
        const std::string where = path + "." + key;
        auto checked = field.type == Type::object_list_map ? check_list(item, *field.inside, engine, where)
                                                           : check_object(item, *field.inside, engine, where);
        if (!checked) return checked;
    }
    return {};
}

}  // namespace

Result<void> check_since(const Json& body, const Schema& schema, Version engine)
{
    if (engine >= newest_version) return {};  // it knows all that we know
    return check_object(body, schema, engine, {});
}

tl::unexpected<Error> too_new(const std::string& name, Version since, Version engine)
{
    return bad_request("berth: " + name + " needs an engine of API " + to_string(since) + "; this one has " + to_string(engine) +
                       " and would pass over it: leave it out");
}

}  // namespace rules
