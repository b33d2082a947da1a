#include "rules/api/until.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>

namespace rules {
namespace {

/// Takes a decimal number of at least one digit from the front of `text`.
std::optional<double> take_number(std::string_view& text)
{
    std::size_t length = 0;
    while (length < text.size() && ((text[length] >= '0' && text[length] <= '9') || text[length] == '.')) ++length;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + length, value);
    if (length == 0 || error != std::errc{} || end != text.data() + length) return std::nullopt;
    text.remove_prefix(length);
    return value;
}

/// Seconds of a Go duration; nullopt when it is none.
std::optional<double> parse_duration(std::string_view text)
{
    if (text.empty()) return std::nullopt;
    double total = 0;
    while (!text.empty()) {
        const auto number = take_number(text);
        if (!number) return std::nullopt;
        std::size_t length = 0;
        while (length < text.size() && text[length] != '.' && (text[length] < '0' || text[length] > '9')) ++length;
        const std::string_view unit = text.substr(0, length);
        text.remove_prefix(length);
        if (unit == "h")
            total += *number * 3600;
        else if (unit == "m")
            total += *number * 60;
        else if (unit == "s")
            total += *number;
        else if (unit == "ms")
            total += *number / 1e3;
        else if (unit == "us" || unit == "µs")
            total += *number / 1e6;
        else if (unit == "ns")
            total += *number / 1e9;
        else
            return std::nullopt;
    }
    return total;
}

/// Exactly `digits` digits at the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t digits)
{
    int value = 0;
    if (text.size() < digits) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
    if (error != std::errc{} || end != text.data() + digits) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char c)
{
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<std::int64_t> parse_date(std::string_view text)
{
    const auto year = take_digits(text, 4);
    if (!year || !take(text, '-')) return std::nullopt;
    const auto month = take_digits(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    const auto day = take_digits(text, 2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    std::int64_t seconds = std::chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86400};
    if (text.empty()) return seconds;

    if (!take(text, 'T')) return std::nullopt;
    for (const int unit : {3600, 60, 1}) {
        const auto part = take_digits(text, 2);
        if (!part) return std::nullopt;
        seconds += *part * unit;
        if (unit != 1 && !take(text, ':')) break;
    }
    if (take(text, '.'))
        while (!text.empty() && text[0] >= '0' && text[0] <= '9') text.remove_prefix(1);
    if (text.empty() || text == "Z") return seconds;
    const int sign = text[0] == '+' ? -1 : 1;
    if (text[0] != '+' && text[0] != '-') return std::nullopt;
    text.remove_prefix(1);
    const auto hours = take_digits(text, 2);
    if (!hours || !take(text, ':')) return std::nullopt;
    const auto minutes = take_digits(text, 2);
    if (!minutes || !text.empty()) return std::nullopt;
    return seconds + sign * (*hours * 3600 + *minutes * 60);
}

std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now)
{
    std::string_view rest = text;
    if (const auto number = take_number(rest); number && rest.empty() && *number < 1e15) return static_cast<std::int64_t>(*number);
    if (const auto date = parse_date(text)) return date;
    if (const auto duration = parse_duration(text); duration && *duration < 1e12) return now - static_cast<std::int64_t>(*duration);
    return std::nullopt;
}

Result<std::optional<std::chrono::nanoseconds>> timestamp_of(std::string_view text)
{
    using std::chrono::nanoseconds;
    if (text.empty()) return std::optional<nanoseconds>();
    const std::size_t point = std::min(text.find('.'), text.size());
    const std::string_view whole = text.substr(0, point);
    std::string fraction(text.substr(std::min(point + 1, text.size())));
    const bool is_number = fraction.find_first_not_of("0123456789") == fraction.npos;
    fraction.resize(9, '0');
    std::int64_t seconds = 0, parts = 0;
    const auto reads = [](std::string_view digits, std::int64_t& value) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return error == std::errc{} && end == digits.data() + digits.size();
    };
    constexpr std::int64_t farthest = 9'000'000'000;  // in nanoseconds it fits
    if (!reads(whole, seconds) || !reads(fraction, parts) || !is_number)
        return bad_request("strconv.ParseInt: parsing \"" + std::string(text) + "\": invalid syntax");
    if (seconds == -1) return std::optional<nanoseconds>();
    return std::optional(std::chrono::seconds(std::clamp(seconds, -farthest, farthest)) + nanoseconds(parts));
}

Result<std::optional<std::int64_t>> until_of(const Filters& filters, std::int64_t now)
{
    if (!filters.has("until")) return std::optional<std::int64_t>();
    const auto& values = filters.values("until");
    if (values.size() != 1) return bad_request("more than one until filter specified");
    const auto moment = parse_moment(values.front(), now);
    if (!moment) return bad_request("invalid value for until filter: \"" + values.front() + "\"");
    return moment;
}

}  // namespace rules
