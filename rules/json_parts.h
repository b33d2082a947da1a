#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "rules/json.h"

// Reading JSON whose shape nobody promised: a wrong type counts as absent, nothing throws.
namespace rules::parts {

/// The member `key`; nullptr when `value` is no object or has none.
const Json* at(const Json& value, std::string_view key);
Json* at(Json& value, std::string_view key);
/// The member `key` when it is a string (an object, a list), else nullptr.
const std::string* text_at(const Json& value, std::string_view key);
Json::object_t* object_at(Json& value, std::string_view key);
Json::array_t* list_at(Json& value, std::string_view key);
/// A member that a view rewrites, and what it has to be for that.
struct Member {
    std::string_view key;
    Json::value_t type;
};
/// Each of `members` is absent, null or of its type: else the view would miss what is in it, and there is none.
bool has_shape(const Json& value, std::initializer_list<Member> members);
/// The string member `key`, or "".
std::string text_or_empty(const Json& value, std::string_view key);

}  // namespace rules::parts
