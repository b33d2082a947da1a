#include "rules/schema.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>

namespace rules {
namespace {

Result<void> admit_object(Json& body, const Schema& schema, const std::string& path);

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

tl::unexpected<Error> too_many(const std::string& path, std::size_t most, std::string_view what)
{
    return bad_request(path + " has more than " + std::to_string(most) + " " + std::string(what));
}

/// No text in `value`, nor a key of it, is longer than `field` takes. What is inside of objects has fields of its own.
Result<void> check_length(const Json& value, const Field& field, const std::string& path, std::string_view key)
{
    if (field.long_texts || field.type == Type::object) return {};
    const auto is_long = [](const Json& each) {
        const auto* text = each.get_ptr<const std::string*>();
        return text && text->size() > text_max;
    };
    const auto is_long_member = [&](const auto& member) { return member.first.size() > text_max || is_long(member.second); };
    const auto* items = value.get_ptr<const Json::array_t*>();
    const auto* members = value.get_ptr<const Json::object_t*>();
    if (!is_long(value) && !(items && std::ranges::any_of(*items, is_long)) && !(members && std::ranges::any_of(*members, is_long_member))) return {};
    return bad_request(join(path, key) + " has a text of more than " + std::to_string(text_max) + " bytes");
}

Result<void> admit_list(Json& list, const Schema& inside, const std::string& path)
{
    if (!list.is_array()) return wrong_type(path, "a list of objects");
    if (list.size() > elements_max) return too_many(path, elements_max, "elements");
    for (std::size_t at = 0; at < list.size(); ++at)
        if (auto item = admit_object(list[at], inside, path + "[" + std::to_string(at) + "]"); !item) return item;
    return {};
}

Result<void> admit_map(Json& map, const Field& field, const std::string& path)
{
    const bool lists = field.type == Type::object_list_map;
    for (auto& [key, value] : map.get_ref<Json::object_t&>()) {
        if (value.is_null()) value = lists ? Json::array() : Json::object();
        const std::string where = join(path, key);
        auto item = lists ? admit_list(value, *field.inside, where) : admit_object(value, *field.inside, where);
        if (!item) return item;
    }
    return {};
}

/// Gives a value that goes on its canonical form. `path` is needed where `field` has something inside.
Result<void> admit_value(Json& value, const Field& field, const std::string& path)
{
    switch (field.type) {
        case Type::text_or_list:
            if (value.is_string()) value = Json::array({value});
            return {};
        case Type::text_map:
            for (Json& text : value)
                if (text.is_null()) text = "";
            return {};
        case Type::object:
            return admit_object(value, *field.inside, path);
        case Type::object_list:
            return admit_list(value, *field.inside, path);
        case Type::object_map:
        case Type::object_list_map:
            return admit_map(value, field, path);
        default:
            return {};
    }
}

/// Whether a field's name, which is ASCII, folds to `folded`.
bool folds_to(std::string_view name, std::string_view folded)
{
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return name.size() == folded.size() && std::ranges::equal(name, folded, {}, lower);
}

/// Go would take `key` for a field whose name only folds alike, and of two such keys it takes both.
Result<void> check_spelling(const Json& body, const Schema& schema, const std::string& path)
{
    const auto is_known = [&](std::string_view key) { return std::ranges::find(schema.fields, key, &Field::name) != schema.fields.end(); };
    const auto& members = body.get_ref<const Json::object_t&>();
    if (std::ranges::all_of(members, is_known, &Json::object_t::value_type::first)) return {};
    std::set<std::string> seen;
    for (const auto& [key, value] : members) {
        const auto [folded, is_new] = seen.insert(fold_key(key));
        if (!is_new) return bad_request("invalid JSON: the key \"" + join(path, key) + "\" is given twice");
        if (std::ranges::any_of(key, [](unsigned char c) { return c >= 0x80; }))
            return bad_request("invalid JSON: the key \"" + join(path, key) + "\" is not ASCII");
        const auto meant = std::ranges::find_if(schema.fields, [&](const Field& field) { return folds_to(field.name, *folded); });
        if (meant != schema.fields.end() && meant->name != key)
            return bad_request("invalid JSON: the key \"" + join(path, key) + "\" is spelled \"" + std::string(meant->name) + "\"");
    }
    return {};
}

Result<void> admit_object(Json& body, const Schema& schema, const std::string& path)
{
    if (!body.is_object()) return wrong_type(path.empty() ? std::string("the body") : path, "an object");
    if (body.size() > keys_max) return too_many(path.empty() ? std::string("the body") : path, keys_max, "keys");
    if (const Result<void> spelling = check_spelling(body, schema, path); !spelling) return spelling;

    auto& members = body.get_ref<Json::object_t&>();
    for (auto member = members.begin(); member != members.end();) {
        auto& [key, value] = *member;
        const auto where = [&path, &name = member->first] { return join(path, name); };
        const auto field = std::ranges::find(schema.fields, key, &Field::name);
        const bool is_known = field != schema.fields.end();
        if (!is_known && !is_zero(value))
            return denied("unknown-field", where(), value.dump(),
                          "this version of berth does not know the field; leave it out");
        if (!is_known || value.is_null()) {
            member = members.erase(member);
            continue;
        }
        if (const std::string_view wanted = mismatch(value, field->type); !wanted.empty())
            return wrong_type(where(), wanted);
        if (const std::size_t most = field->most > 0 ? field->most : elements_max; value.is_structured() && value.size() > most)
            return too_many(where(), most, "elements");
        if (field->disposition == Disposition::forbid || (field->disposition == Disposition::deny && !is_zero(value)))
            return denied(std::string(field->rule), where(), value.dump(), std::string(field->way_out));
        if (field->disposition == Disposition::deny || field->disposition == Disposition::drop || field->disposition == Disposition::force) {
            member = members.erase(member);
            continue;
        }
        if (const Result<void> length = check_length(value, *field, path, key); !length) return length;
        if (auto item = admit_value(value, *field, field->inside ? where() : std::string()); !item) return item;
        ++member;
    }
    return {};
}

}  // namespace

Result<Json> admit(Json body, const Schema& schema)
{
    if (const Result<void> admitted = admit_object(body, schema, {}); !admitted) return tl::unexpected(admitted.error());
    // In JSON, as the engine tells of it again, a control character takes six bytes.
    constexpr std::size_t longest_escape = 6;
    const std::size_t bytes = text_bytes(body);
    if (bytes > kept_max || (bytes > kept_max / longest_escape && body.dump().size() > kept_max))
        return tl::unexpected(Error{413, "the texts of the body have more than " + std::to_string(kept_max) + " bytes together"});
    return body;
}

}  // namespace rules
