#include "rules/redact.h"

#include <algorithm>

#include "rules/query.h"
#include "rules/split.h"

namespace rules {
namespace {

constexpr const char* hidden = "***";

/// Whether `text` begins with `word`, in whatever case and with separators between the letters.
bool begins_with(std::string_view text, std::string_view word)
{
    std::size_t matched = 0;
    for (const char c : text) {
        if (c == '-' || c == '_' || c == '.') continue;
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != word[matched]) return false;
        if (++matched == word.size()) return true;
    }
    return false;
}

/// Asked of every key and every string of all bodies that are kept: hence without a copy, and by the first letter.
bool names_secret(std::string_view key)
{
    for (; !key.empty(); key.remove_prefix(1)) {
        const auto any = [key](const auto&... words) { return (begins_with(key, words) || ...); };
        switch (key.front() | 0x20) {  // a letter in lower case
            case 'a':
                if (any("auth", "apikey", "accesskey")) return true;
                break;
            case 'c':
                if (any("credential")) return true;
                break;
            case 'p':
                if (any("password", "passwd", "passphrase", "privatekey")) return true;
                break;
            case 's':
                if (any("secret")) return true;
                break;
            case 't':
                if (any("token")) return true;
                break;
            default:
                break;
        }
    }
    return false;
}

bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// The name that ends in front of `at`, a quote between them or not.
std::string_view name_before(std::string_view text, std::size_t at)
{
    if (at > 0 && text[at - 1] == '"') --at;
    std::size_t begin = at;
    while (begin > 0 && is_of_name(text[begin - 1])) --begin;
    return text.substr(begin, at - begin);
}

/// Where the value that begins at `at` ends.
std::size_t end_of_value(std::string_view text, std::size_t at)
{
    if (at >= text.size()) return at;
    if (const char quote = text[at]; quote == '"' || quote == '\'') {
        for (std::size_t end = at + 1; end < text.size(); ++end) {
            if (text[end] == '\\') ++end;
            else if (text[end] == quote) return end + 1;
        }
        return text.size();
    }
    return std::min(text.find_first_of(" \t\r\n,;&\"'", at), text.size());
}

/// Behind `://`: the part up to the last `@` in front of the path.
std::size_t end_of_user(std::string_view text, std::size_t at)
{
    const std::string_view authority = text.substr(at, text.find_first_of("/?# \t\r\n\"'", at) - at);
    const std::size_t sign = authority.rfind('@');
    return sign == authority.npos ? at : at + sign;
}

/// Hides what `https://user:password@host/` and `password=x` in any text tell.
void hide_secrets(std::string& text)
{
    const auto sign_from = [&text](std::size_t at) {
        while (at < text.size() && text[at] != ':' && text[at] != '=') ++at;
        return at;
    };
    std::string out;
    std::size_t shown = 0;  // up to where it is in `out`
    const auto hide = [&](std::size_t begin, std::size_t end) {
        out.append(text, shown, begin - shown).append(hidden);
        shown = end;
    };
    for (std::size_t at = sign_from(0); at < text.size(); at = sign_from(at)) {
        const std::size_t value = at + 1;
        if (text.compare(at, 3, "://") == 0) {
            at = end_of_user(text, value + 2);
            if (at > value + 2) hide(value + 2, at);
        } else if (names_secret(name_before(text, at))) {
            at = end_of_value(text, value);
            hide(value, at);
        } else {
            at = value;
        }
    }
    if (shown > 0) text = out.append(text, shown);
}

std::string without_secrets(std::string text)
{
    hide_secrets(text);
    return text;
}

/// `KEY=value` becomes `KEY=***`.
void hide_value(std::string& text)
{
    if (const Cut pair = cut(text, '='); pair.found) text = std::string(pair.before) + "=" + hidden;
}

/// The first word alone.
void cut_command(Json& words)
{
    if (words.is_string()) words = hidden;
    if (!words.is_array() || words.size() < 2) return;
    words = Json::array({words[0], hidden});
}

void hide(Json& value, int depth = 0)
{
    if (value.is_string()) hide_secrets(value.get_ref<std::string&>());
    if (depth > 64 || !value.is_structured()) return;
    if (value.is_array()) {
        for (Json& each : value) hide(each, depth + 1);
        return;
    }
    for (auto& [key, each] : value.items()) {
        if (key == "Env" && each.is_array())
            for (Json& variable : each)
                if (variable.is_string()) hide_value(variable.get_ref<std::string&>());
        if (key == "Cmd" || key == "Entrypoint" || key == "Test" || key == "Shell") cut_command(each);
        if (names_secret(key) && (each.is_string() || each.is_array()) && !is_zero(each))
            each = each.is_string() ? Json(hidden) : Json::array({hidden});
        else
            hide(each, depth + 1);
    }
}

/// Options of log drivers hold the credentials of log services; the rules read two of them.
void hide_log_options(Json& body)
{
    const Json::json_pointer at("/HostConfig/LogConfig/Config");
    if (!body.contains(at) || !body.at(at).is_object()) return;
    for (auto& [key, each] : body.at(at).items())
        if (key != "max-size" && key != "max-file" && each.is_string()) each = hidden;
}

/// A JSON object of texts, each hidden.
std::string without_values(const std::string& text)
{
    Json map = Json::parse(text, nullptr, false);
    if (!map.is_object()) return hidden;
    for (auto& [key, each] : map.items()) each = each.is_null() ? Json() : Json(hidden);
    return map.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Json redacted(Op op, Json body)
{
    if (!body.is_object()) return body.is_null() ? body : Json(hidden);
    if (op == Op::system_auth)
        for (auto& [key, each] : body.items())
            if (key != "serveraddress" && !is_zero(each)) each = hidden;
    if (op == Op::container_create) hide_log_options(body);
    hide(body);
    return body;
}

std::string redacted_target(std::string_view target)
{
    const std::size_t mark = std::min(target.find('?'), target.size());
    std::string path(target.substr(0, mark));
    if (mark == target.size()) return path;
    const Result<Query> query = Query::parse(target.substr(mark + 1));
    if (!query) return path + "?" + hidden;
    Query kept;
    for (const auto& [key, value] : query->items()) {
        if (key == "buildargs")
            kept.add(key, without_values(value));
        else if (key == "changes" || (names_secret(key) && !value.empty()))
            kept.add(key, hidden);
        else
            kept.add(key, without_secrets(value));
    }
    return path + "?" + kept.encode();
}

std::string redacted_value(std::string_view endpoint, std::string_view field, const std::string& value)
{
    const std::string_view last = field.substr(field.rfind('.') + 1);
    if (value.empty()) return value;
    if (endpoint == "system.auth" || names_secret(last)) return hidden;
    if (last == "buildargs") return without_values(value);
    Json json = Json::parse(value, nullptr, false);
    // A long one was cut: it cannot be read any more.
    if (json.is_discarded() && (value[0] == '{' || value[0] == '[') && names_secret(value)) return hidden;
    if (!json.is_structured()) return without_secrets(value);
    hide(json);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace rules
