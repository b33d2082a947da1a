#include "rules/api/redact.h"

#include <algorithm>
#include <cctype>

#include "rules/api/kept_text.h"
#include "rules/bodies/bodies.h"
#include "rules/query.h"

namespace rules {
namespace {

std::string text_of(const Json& json)
{
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A value of which nothing may be kept but whether it is none.
void hide(const HashKey& key, Json& value)
{
    if (is_zero(value) || value.is_boolean()) return;
    value = hidden(key, value.is_string() ? value.get_ref<const std::string&>() : text_of(value));
}

void keep_text(const HashKey& key, Keep keep, Json& value)
{
    if (value.is_string())
        value = kept_text(key, keep, value.get_ref<const std::string&>());
    else
        hide(key, value);
}

/// A key that a client chose.
std::string kept_key(const HashKey& key, Keep keep, const std::string& text)
{
    return keep == Keep::nothing && is_word(text) ? text : kept_text(key, keep, text);
}

void rename_keys(const HashKey& key, Keep keep, Json::object_t& map)
{
    Json::object_t renamed;
    for (auto member = map.begin(); member != map.end();) {
        if (keep == Keep::nothing && is_word(member->first)) {  // nearly all: not even copied
            ++member;
            continue;
        }
        std::string name = kept_key(key, keep, member->first);
        if (name == member->first) {
            ++member;
            continue;
        }
        renamed.insert_or_assign(std::move(name), std::move(member->second));
        member = map.erase(member);
    }
    map.merge(renamed);
}

/// A value of whatever shape, of which `row` says what may be kept.
void keep_any(const HashKey& key, const Kept& row, Json& value)
{
    if (row.value == Keep::nothing && row.key == Keep::nothing) return hide(key, value);
    if (value.is_string()) return keep_text(key, row.value, value);
    if (auto* items = value.get_ptr<Json::array_t*>())
        for (Json& each : *items) keep_any(key, row, each);
    if (auto* members = value.get_ptr<Json::object_t*>()) {
        for (auto& [name, each] : *members) keep_any(key, row, each);
        rename_keys(key, row.key, *members);
    }
}

void keep_object(const HashKey& key, const Schema& schema, Json& object);

void keep_objects(const HashKey& key, const Schema& inside, Json& list)
{
    if (!list.is_array()) return hide(key, list);
    for (Json& each : list) keep_object(key, inside, each);
}

void keep_field(const HashKey& key, const Field& field, Json& value)
{
    const auto is_integer = [](const Json& each) { return each.is_number_integer(); };
    const bool is_map = field.type == Type::object_map || field.type == Type::object_list_map || field.type == Type::text_map;
    switch (field.type) {
        case Type::boolean: return hide(key, value);
        case Type::integer:
            if (!is_integer(value)) hide(key, value);
            return;
        case Type::integer_list:
            if (!value.is_array() || !std::ranges::all_of(value, is_integer)) hide(key, value);
            return;
        case Type::text: return keep_text(key, kept_of(field).value, value);
        case Type::any: return keep_any(key, kept_of(field), value);
        case Type::text_list:
        case Type::text_or_list:
            if (!value.is_array()) return keep_text(key, kept_of(field).value, value);
            for (Json& each : value) keep_text(key, kept_of(field).value, each);
            return;
        default: break;
    }
    if (field.inside && field.type == Type::object) return keep_object(key, *field.inside, value);
    if (field.inside && field.type == Type::object_list) return keep_objects(key, *field.inside, value);
    auto* members = is_map ? value.get_ptr<Json::object_t*>() : nullptr;
    if (!members) return hide(key, value);
    const Kept& row = kept_of(field);
    const bool is_listed = row.value != Keep::nothing || row.key != Keep::nothing;
    if (!is_listed || (field.type != Type::text_map && !field.inside)) return hide(key, value);
    for (auto& [name, each] : *members) {
        if (field.type == Type::text_map)
            keep_text(key, row.value, each);
        else if (field.type == Type::object_map)
            keep_object(key, *field.inside, each);
        else
            keep_objects(key, *field.inside, each);
    }
    rename_keys(key, row.key, *members);
}

void keep_object(const HashKey& key, const Schema& schema, Json& object)
{
    auto* members = object.get_ptr<Json::object_t*>();
    if (!members) return hide(key, object);
    for (auto& [name, value] : *members) {
        if (is_zero(value)) continue;  // most of what clients written in Go send
        const auto field = std::ranges::find(schema.fields, name, &Field::name);
        if (field == schema.fields.end())
            hide(key, value);
        else
            keep_field(key, *field, value);
    }
    rename_keys(key, Keep::nothing, *members);
}

/// The field at `path`, as refusals name it; nullptr when there is none. What is behind a map of texts is a key of it.
const Field* field_at(const Schema& schema, std::string_view path)
{
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view name = path.substr(0, std::min(path.find('['), dot));
    const auto field = std::ranges::find(schema.fields, name, &Field::name);
    if (field == schema.fields.end()) return nullptr;
    if (!field->inside || dot == path.size()) return &*field;
    path.remove_prefix(dot + 1);
    if (field->type == Type::object_map || field->type == Type::object_list_map) path.remove_prefix(path.rfind('.') + 1);  // keys may have dots
    return field_at(*field->inside, path);
}

std::string keep_parameter(const HashKey& key, const Param& param, const std::string& value)
{
    const Kept& row = kept_of(param);
    if (param.type != ParamType::json) return kept_text(key, row.value, value);
    Json json = read_json(value).value_or(Json::value_t::discarded);
    if (!json.is_structured()) return kept_text(key, Keep::nothing, value);
    keep_any(key, row, json);
    return json.is_string() ? json.get<std::string>() : text_of(json);
}

const Param* parameter_of(const Endpoint* row, std::string_view name)
{
    if (!row) return nullptr;
    const auto param = std::ranges::find(row->params, name, &Param::name);
    return param == row->params.end() ? nullptr : &*param;
}

/// `/v1.41`, or nothing.
std::string_view version_of(std::string_view path)
{
    if (!path.starts_with("/v")) return {};
    const std::string_view version = path.substr(0, path.find('/', 1));
    const bool is_version = version.size() > 2 && version.size() < 10 && version.find_first_not_of("0123456789.", 2) == version.npos;
    return is_version ? version : std::string_view();
}

/// The path of a request to `row`, with the reference in it if it is a name.
std::string keep_path(const HashKey& key, const Endpoint& row, std::string_view path)
{
    const std::string_view version = version_of(path);
    path.remove_prefix(version.size());
    if (path == row.path) return std::string(version) + std::string(path);
    const std::size_t open = std::min(row.path.find('{'), row.path.size());
    const std::string_view before = row.path.substr(0, open), after = row.path.substr(std::min(row.path.find('}', open), row.path.size() - 1) + 1);
    if (open == row.path.size() || after.find('{') != after.npos || path.size() < before.size() + after.size() || !path.starts_with(before) ||
        !path.ends_with(after))
        return std::string(version) + "/" + hidden(key, path);
    const std::string_view written = path.substr(before.size(), path.size() - before.size() - after.size());
    const std::string reference = percent_decode(written, false).value_or(std::string(written));
    const bool is_named = is_word(reference) || kept_text(key, Keep::reference, reference) == reference;
    return std::string(version) + std::string(before) + (is_named ? std::string(written) : hidden(key, reference)) + std::string(after);
}

/// `text` with the inside of each pair of `quote`s hidden.
std::string without_quoted(const HashKey& key, std::string_view text, char quote)
{
    std::string out;
    for (;;) {
        const std::size_t begin = text.find(quote), end = begin == text.npos ? begin : text.find(quote, begin + 1);
        if (end == text.npos) return out.append(text);
        out.append(text.substr(0, begin + 1)).append(kept_text(key, Keep::nothing, text.substr(begin + 1, end - begin - 1))) += quote;
        text.remove_prefix(end + 1);
    }
}

}  // namespace

Json Redactor::body(const Endpoint* row, Json body) const
{
    if (row && row->schema)
        keep_object(key_, *row->schema, body);
    else
        hide(key_, body);
    return body;
}

std::string Redactor::method(const Endpoint* row, const std::string& method) const
{
    return row ? method : kept_text(key_, method.size() <= 7 ? Keep::word : Keep::nothing, method);
}

std::string Redactor::target(const Endpoint* row, std::string_view target) const
{
    const std::size_t mark = std::min(target.find('?'), target.size());
    const std::string_view path = target.substr(0, mark);
    std::string out = row ? keep_path(key_, *row, path) : "/" + hidden(key_, path);
    if (mark == target.size()) return out;
    const Result<Query> query = Query::parse(target.substr(mark + 1));
    if (!query) return out + "?" + hidden(key_, target.substr(mark + 1));
    Query kept;
    for (const auto& [name, value] : query->items()) {
        const Param* param = parameter_of(row, name);
        kept.add(param ? name : kept_key(key_, Keep::nothing, name),
                 param ? keep_parameter(key_, *param, value) : kept_text(key_, Keep::nothing, value));
    }
    return out + "?" + kept.encode();
}

Json Redactor::facts(Json facts) const
{
    auto* members = facts.get_ptr<Json::object_t*>();
    if (!members) return facts;
    for (auto& [name, value] : *members) {
        if (name == "image")
            keep_object(key_, container_create_schema, value);
        else if (name == "pulls")
            keep_any(key_, Kept{"", "", Keep::reference}, value);
        else
            hide(key_, value);
    }
    return facts;
}

std::string Redactor::field(const std::string& field) const
{
    constexpr std::string_view marks = "_.-/:[]+ ";
    const auto fits = [marks](unsigned char c) { return std::isalnum(c) != 0 || marks.find(static_cast<char>(c)) != marks.npos; };
    return field.size() <= 256 && std::ranges::all_of(field, fits) ? field : hidden(key_, field);
}

std::string Redactor::value(const Endpoint* row, std::string_view field, const std::string& value) const
{
    if (value.empty()) return {};
    if (const Param* param = parameter_of(row, field)) return keep_parameter(key_, *param, value);
    const Field* known = row && row->schema ? field_at(*row->schema, field) : nullptr;
    if (field == "fromImage") return kept_text(key_, Keep::reference, value);  // of a build's bases
    if (!known) return hidden(key_, value);
    Json json = read_json(value).value_or(Json::value_t::discarded);
    if (json.is_discarded() && (value[0] == '{' || value[0] == '[')) return hidden(key_, value);  // a long one, which was cut
    if (json.is_discarded() || json.is_number() || (json.is_string() && known->type != Type::any)) {
        if (known->type == Type::integer || known->type == Type::integer_list) return kept_text(key_, Keep::number, value);
        return kept_text(key_, kept_of(*known).value, json.is_string() ? json.get<std::string>() : value);
    }
    keep_field(key_, *known, json);
    return json.is_string() ? json.get<std::string>() : text_of(json);
}

std::string Redactor::engine_error(std::string_view text) const
{
    std::string shown;
    for (bool first = true; !text.empty(); first = false) {
        const std::size_t end = std::min(text.find(' '), text.size());
        std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!first) shown += ' ';
        for (const std::string_view inside : {"/_data/", "/merged/", "/diff/"})
            if (const std::size_t at = word.find(inside); at != word.npos) {
                shown.append(word.substr(0, at + inside.size()));
                const std::string_view rest = word.substr(at + inside.size());
                const std::size_t colon = rest.ends_with(':') ? rest.size() - 1 : rest.size();
                shown.append(hidden(key_, rest.substr(0, colon))).append(rest.substr(colon));
                word = {};
                break;
            }
        shown.append(word);
    }
    return without_quoted(key_, without_quoted(key_, shown, '"'), '`');
}

}  // namespace rules
