#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

// Structured log lines on stderr (logfmt): `ts=... level=info msg="job opened" job=build-17`. Values are quoted and control
// characters escaped, so that a name chosen by a job cannot forge a line.
namespace broker::log {

struct Item {
    std::string_view key;
    std::string value;

    Item(std::string_view k, std::string_view v) : key(k), value(v) {}
    Item(std::string_view k, const char* v) : key(k), value(v) {}
    template <class T>
        requires std::is_arithmetic_v<T>
    Item(std::string_view k, T v) : key(k), value(fmt::format("{}", v))
    {
    }
};

/// Lines below it (`error`, `warn`, `info`) are not written from here on.
void set_level(std::string_view level);

void info(std::string_view message, std::initializer_list<Item> items = {});
void warn(std::string_view message, std::initializer_list<Item> items = {});
void error(std::string_view message, std::initializer_list<Item> items = {});

/// Lines since the process began, written or not.
struct Counts {
    std::uint64_t errors = 0, warnings = 0;
};
Counts counts();

}  // namespace broker::log
