#include "rules/profile/knob_values.h"

#include <algorithm>
#include <cmath>

#include "rules/profile/knobs.h"
#include "rules/units.h"

namespace rules {
namespace {

using Texts = std::vector<std::string>;
using Map = std::map<std::string, std::string>;

tl::unexpected<Error> no_value(const std::string& wanted)
{
    return bad_request("it must be " + wanted);
}

std::string number_text(std::int64_t value, Unit unit)
{
    constexpr std::int64_t billion = 1'000'000'000;
    switch (unit) {
        case Unit::bytes:
            return value == 0 ? "0" : toml_text(size_text(value));
        case Unit::seconds:
            return value == 0 ? "0" : toml_text(duration_text(value * billion));
        case Unit::nanoseconds:
            return toml_text(duration_text(value));
        case Unit::cpus: {
            std::string text = std::to_string(value / billion);
            if (value % billion == 0) return text;
            std::string fraction = std::to_string(value % billion);
            fraction.insert(0, 9 - fraction.size(), '0');
            fraction.erase(fraction.find_last_not_of('0') + 1);
            return text + "." + fraction;
        }
        case Unit::none:
            break;
    }
    return std::to_string(value);
}

/// A value as a number in its unit; the message of what it must be otherwise.
Result<std::int64_t> number_of(const Value& value, const Knob& knob)
{
    const auto* whole = std::get_if<std::int64_t>(&value);
    const auto* text = std::get_if<std::string>(&value);
    std::optional<std::int64_t> number;
    std::string wanted = "a whole number";
    switch (knob.unit) {
        case Unit::none:
            if (whole) number = *whole;
            break;
        case Unit::bytes:
            wanted = "a size, as \"512MiB\" or \"2GiB\"";
            if (whole) number = *whole;
            if (text) number = parse_size(*text);
            break;
        case Unit::seconds:
        case Unit::nanoseconds:
            wanted = "a time with its unit, as \"30s\" or \"2h\"";
            if (whole && *whole == 0) number = 0;
            if (text) number = parse_duration(*text);
            if (number && knob.unit == Unit::seconds) number = *number / 1'000'000'000;
            break;
        case Unit::cpus: {
            wanted = "a number of CPUs, as 1.5";
            const double cpus = whole                                   ? static_cast<double>(*whole)
                                : std::holds_alternative<double>(value) ? std::get<double>(value)
                                                                        : -1;
            if (cpus >= 0 && cpus <= 1e6) number = std::llround(cpus * 1e9);
            break;
        }
    }
    if (!number) return no_value(wanted);
    if (*number < knob.least) return no_value("at least " + number_text(knob.least, knob.unit));
    if (*number > knob.most) return no_value("at most " + number_text(knob.most, knob.unit));
    return *number;
}

Result<void> check_text(const std::string& text, const Knob& knob)
{
    if (!knob.choices.empty() && std::ranges::find(knob.choices, text) == knob.choices.end()) {
        std::string all;
        for (const std::string_view each : knob.choices) all += (all.empty() ? "" : ", ") + std::string(each);
        const std::string_view near = nearest(text, knob.choices);
        return bad_request("\"" + text + "\" is none of " + all +
                           (near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?"));
    }
    if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
        return no_value("without control characters");
    if (!knob.valid) return {};
    const std::string why = knob.valid(text);
    return why.empty() ? Result<void>() : bad_request("\"" + text + "\" is not " + why);
}

struct Setter {
    Profile& profile;
    const Knob& knob;
    const Value& value;

    Result<void> operator()(bool Profile::* member) const
    {
        const auto* flag = std::get_if<bool>(&value);
        if (!flag) return no_value("true or false");
        profile.*member = *flag;
        return {};
    }
    Result<void> operator()(std::int64_t Profile::* member) const
    {
        const Result<std::int64_t> number = number_of(value, knob);
        if (!number) return tl::unexpected(number.error());
        profile.*member = *number;
        return {};
    }
    Result<void> operator()(std::string Profile::* member) const
    {
        const auto* text = std::get_if<std::string>(&value);
        if (!text) return no_value("a text");
        if (const auto checked = check_text(*text, knob); !checked) return checked;
        profile.*member = *text;
        return {};
    }
    Result<void> operator()(Texts Profile::* member) const
    {
        const auto* list = std::get_if<Texts>(&value);
        const auto* one = std::get_if<std::string>(&value);
        if (!list && !one) return no_value("a list of texts");
        Texts texts = list ? *list : Texts{*one};
        for (const std::string& each : texts)
            if (const auto checked = check_text(each, knob); !checked) return checked;
        profile.*member = std::move(texts);
        return {};
    }
    Result<void> operator()(Map Profile::* member) const
    {
        const auto* map = std::get_if<Map>(&value);
        if (!map) return no_value("a table of texts");
        for (const auto& [key, text] : *map)
            if (const auto checked = check_text(key, knob); !checked) return checked;
        profile.*member = *map;
        return {};
    }
};

struct Writer {
    const Profile& profile;
    Unit unit;

    std::string operator()(bool Profile::* member) const { return profile.*member ? "true" : "false"; }
    std::string operator()(std::int64_t Profile::* member) const { return number_text(profile.*member, unit); }
    std::string operator()(std::string Profile::* member) const { return toml_text(profile.*member); }
    std::string operator()(Texts Profile::* member) const
    {
        std::string text;
        for (const std::string& each : profile.*member) text += (text.empty() ? "" : ", ") + toml_text(each);
        return "[" + text + "]";
    }
    std::string operator()(Map Profile::* member) const
    {
        std::string text;
        for (const auto& [key, each] : profile.*member)
            text += (text.empty() ? " " : ", ") + key_text(key) + " = " + toml_text(each);
        return text.empty() ? "{}" : "{" + text + " }";
    }
};

}  // namespace

std::string toml_text(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string key_text(std::string_view key)
{
    const bool bare = !key.empty() && std::ranges::all_of(key, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    return bare ? std::string(key) : toml_text(key);
}

Result<void> set(Profile& profile, const Knob& knob, const Value& value)
{
    return std::visit(Setter{profile, knob, value}, knob.member);
}

std::string text_of(const Profile& profile, const Knob& knob)
{
    return std::visit(Writer{profile, knob.unit}, knob.member);
}

}  // namespace rules
