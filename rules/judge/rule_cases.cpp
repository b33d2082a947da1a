#include "rules/judge/rule_cases.h"

#include <toml++/toml.h>
#include <sstream>

#include "rules/profile/knobs.h"

namespace rules {
namespace {

std::string where(const std::string& file, const toml::source_region& region)
{
    return file + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
}

/// A body that is written as TOML; dates have no counterpart.
std::optional<Json> json_of(const toml::node& node)
{
    if (const auto* flag = node.as_boolean()) return Json(flag->get());
    if (const auto* number = node.as_integer()) return Json(number->get());
    if (const auto* number = node.as_floating_point()) return Json(number->get());
    if (const auto* text = node.as_string()) return Json(text->get());
    Json json;
    if (const auto* list = node.as_array()) {
        json = Json::array();
        for (const toml::node& each : *list) {
            auto item = json_of(each);
            if (!item) return std::nullopt;
            json.push_back(std::move(*item));
        }
        return json;
    }
    const auto* table = node.as_table();
    if (!table) return std::nullopt;
    json = Json::object();
    for (const auto& [key, each] : *table) {
        auto item = json_of(each);
        if (!item) return std::nullopt;
        json[std::string(key.str())] = std::move(*item);
    }
    return json;
}

/// What is wrong with `value` for `key`; empty when it was taken.
std::string take(RuleCase& into, std::string_view key, const toml::node& value)
{
    const std::string text = value.value<std::string>().value_or("");
    if (key == "body") {
        if (value.is_string()) {
            Result<Json> body = parse_json(text);
            if (!body) return body.error().message;
            into.request.body = std::move(*body);
            return {};
        }
        const auto body = value.is_table() ? json_of(value) : std::nullopt;
        if (!body) return "it must be JSON as text, or a table without dates";
        into.request.body = *body;
        return {};
    }
    if (text.empty()) return "it must be a text";
    if (key == "name") into.name = text;
    if (key == "profile") into.profile = text;
    if (key == "rule") into.rule = text;
    if (key == "image_user") into.request.facts["image"]["User"] = text;
    if (key == "request") {
        const std::size_t blank = text.find(' ');
        if (blank == text.npos || blank == 0 || text.find(' ', blank + 1) != text.npos)
            return "it must be a method and a path, as \"POST /containers/create\"";
        into.request.method = text.substr(0, blank);
        into.request.target = text.substr(blank + 1);
    }
    if (key == "expect") {
        if (text != "allow" && text != "deny") return "it must be \"allow\" or \"deny\"";
        into.allow = text == "allow";
    }
    return {};
}

void read_case(const std::string& file, const toml::table& table, std::vector<RuleCase>& cases,
               std::vector<std::string>& mistakes)
{
    const std::vector<std::string_view> known = {"name", "profile", "request", "body", "image_user", "expect", "rule"};
    RuleCase one{.place = where(file, table.source())};
    for (const auto& [key, node] : table) {
        if (std::ranges::find(known, key.str()) == known.end()) {
            const std::string_view near = nearest(key.str(), known);
            mistakes.push_back(where(file, key.source()) + ": unknown key \"" + std::string(key.str()) + "\"" +
                               (near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?"));
        } else if (const std::string why = take(one, key.str(), node); !why.empty()) {
            mistakes.push_back(where(file, node.source()) + ": " + std::string(key.str()) + ": " + why);
        }
    }
    for (const char* needed : {"request", "expect"})
        if (!table.contains(needed)) mistakes.push_back(one.place + ": a case has \"" + needed + "\"");
    if (one.allow && !one.rule.empty()) mistakes.push_back(one.place + ": a rule is of a case that expects \"deny\"");
    cases.push_back(std::move(one));
}

}  // namespace

Result<std::vector<RuleCase>> read_cases(const RulesText& file)
{
    std::vector<RuleCase> cases;
    std::vector<std::string> mistakes;
    try {
        const toml::table table = toml::parse(file.text, file.name);
        for (const auto& [key, node] : table) {
            if (key.str() != "case" || !node.is_array_of_tables()) {
                mistakes.push_back(where(file.name, key.source()) + ": a case is written as [[case]]");
                continue;
            }
            for (const toml::node& each : *node.as_array()) read_case(file.name, *each.as_table(), cases, mistakes);
        }
    } catch (const toml::parse_error& error) {
        mistakes.push_back(where(file.name, error.source()) + ": " + std::string(error.description()));
    }
    if (mistakes.empty()) return cases;
    std::string all;
    for (const std::string& each : mistakes) all += (all.empty() ? "" : "\n") + each;
    return bad_request(std::move(all));
}

std::optional<std::string> mismatch(const RuleCase& expected, const Rulebook& book)
{
    const Profile* profile = book.find(expected.profile);
    if (!profile) return "there is no profile \"" + expected.profile + "\"";
    const Verdict verdict = judge_request(expected.request, AnyLookup(), *profile);
    if (verdict.outcome == Outcome::failed) return "the request is no good: " + verdict.error.message;
    if (expected.allow)
        return verdict.outcome == Outcome::refused ? std::optional("expected allow, got deny: " + verdict.error.message)
                                                   : std::nullopt;
    if (verdict.outcome == Outcome::observed)
        return "expected deny, but the profile only observes: rule \"" + verdict.error.rule + "\" lets it through";
    if (verdict.outcome == Outcome::allowed) return "expected deny, got allow";
    if (expected.rule.empty() || expected.rule == verdict.error.rule) return std::nullopt;
    return "expected deny by rule \"" + expected.rule + "\", got \"" + verdict.error.rule + "\"";
}

}  // namespace rules
