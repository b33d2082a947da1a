#include "broker/io/log.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <atomic>
#include <ctime>

namespace broker::log {
namespace {

int most = 2;  ///< of `importance`
std::atomic<std::uint64_t> errors = 0, warnings = 0;  // several threads write lines

int importance(std::string_view level)
{
    return level == "error" ? 0 : level == "warn" ? 1 : 2;
}

std::string escaped(std::string_view text)
{
    const bool plain = !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@+,") == text.npos;
    if (plain) return std::string(text);
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

void line(std::string_view level, std::string_view message, std::initializer_list<Item> items)
{
    if (importance(level) > most) return;
    std::string text = fmt::format("ts={:%Y-%m-%dT%H:%M:%SZ} level={} msg={}", fmt::gmtime(std::time(nullptr)), level, escaped(message));
    for (const Item& item : items) text += fmt::format(" {}={}", item.key, escaped(item.value));
    text += '\n';
    // One write a line: lines of several processes on one terminal do not mix. A full disk behind stderr is nobody's to report to.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

void set_level(std::string_view level)
{
    most = importance(level);
}

void info(std::string_view message, std::initializer_list<Item> items)
{
    line("info", message, items);
}

void warn(std::string_view message, std::initializer_list<Item> items)
{
    ++warnings;
    line("warn", message, items);
}

void error(std::string_view message, std::initializer_list<Item> items)
{
    ++errors;
    line("error", message, items);
}

Counts counts()
{
    return {errors, warnings};
}

}  // namespace broker::log
