#include "rules/json_parts.h"

#include <algorithm>
#include <utility>

namespace rules::parts {

const Json* at(const Json& value, std::string_view key)
{
    const auto* members = value.get_ptr<const Json::object_t*>();
    if (!members) return nullptr;
    const auto found = members->find(key);
    return found == members->end() ? nullptr : &found->second;
}

Json* at(Json& value, std::string_view key)
{
    return const_cast<Json*>(at(std::as_const(value), key));
}

const std::string* text_at(const Json& value, std::string_view key)
{
    const Json* member = at(value, key);
    return member ? member->get_ptr<const std::string*>() : nullptr;
}

Json::object_t* object_at(Json& value, std::string_view key)
{
    Json* member = at(value, key);
    return member ? member->get_ptr<Json::object_t*>() : nullptr;
}

Json::array_t* list_at(Json& value, std::string_view key)
{
    Json* member = at(value, key);
    return member ? member->get_ptr<Json::array_t*>() : nullptr;
}

bool has_shape(const Json& value, std::initializer_list<Member> members)
{
    return std::ranges::all_of(members, [&value](const Member& member) {
        const Json* there = at(value, member.key);
        return !there || there->is_null() || there->type() == member.type;
    });
}

std::string text_or_empty(const Json& value, std::string_view key)
{
    const std::string* text = text_at(value, key);
    return text ? *text : std::string();
}

}  // namespace rules::parts
