#include "rules/api/filters.h"

#include <re2/re2.h>

#include <algorithm>

#include "rules/split.h"

namespace rules {
namespace {

tl::unexpected<Error> invalid_filter()
{
    return bad_request("invalid filter");
}

constexpr std::size_t values_max = 256;     ///< of all keys together
constexpr std::size_t patterns_max = 1024;  ///< bytes of all values that are matched as patterns
constexpr std::size_t pattern_max = 256;
constexpr std::int64_t pattern_memory = std::int64_t{1} << 20;  ///< bytes that RE2 may take for one
constexpr const char* pattern_signs = "\\.[](){}*+?|^$";      ///< a value without one of them is a plain text

/// Each value is held against each object, and a pattern costs its length times the object's name.
Result<void> check_size(const std::map<std::string, std::vector<std::string>, std::less<>>& filters)
{
    std::size_t count = 0, bytes = 0;
    for (const auto& [key, values] : filters) {
        count += values.size();
        if (key == "label" || key == "label!") continue;
        for (const std::string& value : values)
            if (value.find_first_of(pattern_signs) != value.npos) bytes += value.size();
    }
    if (count > values_max) return bad_request("invalid filter: more than " + std::to_string(values_max) + " values");
    if (bytes > patterns_max) return bad_request("invalid filter: patterns of more than " + std::to_string(patterns_max) + " bytes together");
    return {};
}

/// Whether `labels` has `wanted`: `key`, or `key=value`.
bool has_label(const Json& labels, std::string_view wanted)
{
    if (!labels.is_object()) return false;
    const Cut pair = cut(wanted, '=');
    const auto label = labels.find(std::string(pair.before));
    if (label == labels.end()) return false;
    return !pair.found || (label->is_string() && label->get_ref<const std::string&>() == pair.after);
}

/// The values of one key, from `["a","b"]` or `{"a":true,"b":true}`; nullopt when they are neither.
///
/// A `false` in the newer form counts like `true`, as it does for labels in dockerd.
std::optional<std::vector<std::string>> values_of(const Json& given)
{
    std::vector<std::string> values;
    if (given.is_array()) {
        for (const Json& value : given) {
            if (!value.is_string()) return std::nullopt;
            values.push_back(value.get<std::string>());
        }
    } else {
        for (const auto& [value, flag] : given.items()) {
            if (!flag.is_boolean()) return std::nullopt;
            values.push_back(value);
        }
    }
    std::ranges::sort(values);
    const auto repeated = std::ranges::unique(values);
    values.erase(repeated.begin(), repeated.end());
    return values;
}

}  // namespace

Result<Filters> Filters::parse(std::string_view text, std::initializer_list<std::string_view> known)
{
    Filters filters;
    if (text.empty()) return filters;
    const Result<Json> json = parse_json(text);
    if (!json) return invalid_filter();
    if (json->is_null()) return filters;
    if (!json->is_object()) return invalid_filter();

    bool older = false;
    bool newer = false;
    for (const auto& [key, given] : json->items()) {
        older = older || given.is_array();
        newer = newer || given.is_object();
        if (older && newer) return invalid_filter();
        if (!given.is_array() && !given.is_object() && !given.is_null()) return invalid_filter();
        if (std::ranges::find(known, key) == known.end()) return bad_request("invalid filter '" + key + "'");
        if (given.is_null()) continue;
        std::optional<std::vector<std::string>> values = values_of(given);
        if (!values) return invalid_filter();
        // No value is no filter.
        if (!values->empty()) filters.map_[key] = std::move(*values);
    }
    if (const Result<void> checked = check_size(filters.map_); !checked) return tl::unexpected(checked.error());
    return filters;
}

bool Filters::has(std::string_view key) const
{
    return map_.find(key) != map_.end();
}

const std::vector<std::string>& Filters::values(std::string_view key) const
{
    static const std::vector<std::string> nothing;
    const auto found = map_.find(key);
    return found == map_.end() ? nothing : found->second;
}

bool Filters::any_equal(std::string_view key, std::string_view text) const
{
    return !has(key) || std::ranges::find(values(key), text) != values(key).end();
}

bool Filters::any_match(std::string_view key, std::string_view text) const
{
    return any_equal(key, text) || std::ranges::any_of(values(key), [&](const std::string& pattern) { return is_found(pattern, text); });
}

bool Filters::is_found(const std::string& pattern, std::string_view text) const
{
    if (pattern.find_first_of(pattern_signs) == pattern.npos) return text.find(pattern) != text.npos;
    if (pattern.size() > pattern_max) return false;
    std::shared_ptr<const re2::RE2>& compiled = compiled_[pattern];
    if (!compiled) {
        re2::RE2::Options options(re2::RE2::Quiet);
        options.set_max_mem(pattern_memory);
        compiled = std::make_shared<const re2::RE2>(pattern, options);
    }
    return compiled->ok() && re2::RE2::PartialMatch({text.data(), text.size()}, *compiled);
}

bool Filters::labels_match(const Json& labels) const
{
    const auto is_there = [&](const std::string& wanted) { return has_label(labels, wanted); };
    return std::ranges::all_of(values("label"), is_there) && std::ranges::none_of(values("label!"), is_there);
}

Result<bool> Filters::flag(std::string_view key, bool absent) const
{
    if (!has(key)) return absent;
    const std::vector<std::string>& given = values(key);
    const auto any_of = [&](std::string_view one, std::string_view other) {
        return std::ranges::any_of(given, [&](const std::string& value) { return value == one || value == other; });
    };
    const bool yes = any_of("1", "true");
    const bool no = any_of("0", "false");
    if (yes != no) return yes;
    std::string list;
    for (const std::string& value : given) list += (list.empty() ? "" : " ") + value;
    return bad_request("invalid filter '" + std::string(key) + "=[" + list + "]'");
}

void Filters::erase(std::string_view key)
{
    if (const auto found = map_.find(key); found != map_.end()) map_.erase(found);
}

void Filters::add(std::string_view key, std::string value)
{
    std::vector<std::string>& given = map_[std::string(key)];
    if (std::ranges::find(given, value) == given.end()) given.push_back(std::move(value));
}

std::string Filters::encode() const
{
    Json json = Json::object();
    for (const auto& [key, given] : map_)
        for (const std::string& value : given) json[key][value] = true;
    return json.dump();
}

}  // namespace rules
