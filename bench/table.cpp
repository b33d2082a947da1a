#include "bench/table.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string_view>

// A noisy machine only ever makes a round slower, so the best round of each target is compared; the median of the
// rounds' own ratios stands beside it, because rounds are interleaved and share the noise.

namespace bench {
namespace {

using Field = double Sample::*;

constexpr double idle_aim = 10 * 1024;  // KiB

struct Printer {
    const std::vector<Target>& targets;
    double slack;
    int missed = 0;

    std::optional<std::size_t> index(std::string_view name) const;
    std::string ratio(const Row& row, Field field, bool least, std::string_view other) const;
    std::string verdict(const Row& row);
    void cells(const Row& row, Field field, bool least, const char* format) const;
};

double best(const std::vector<Sample>& rounds, Field field, bool least)
{
    double result = rounds.front().*field;
    for (const Sample& each : rounds) result = least ? std::max(result, each.*field) : std::min(result, each.*field);
    return result;
}

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

std::optional<std::size_t> Printer::index(std::string_view name) const
{
    for (std::size_t i = 0; i < targets.size(); ++i)
        if (targets[i].name == name) return i;
    return std::nullopt;
}

/// berth's best round to the other's, and in brackets the median over the rounds.
std::string Printer::ratio(const Row& row, Field field, bool least, std::string_view other) const
{
    const auto ours = index("berth");
    const auto theirs = index(other);
    if (!ours || !theirs || row.samples[*ours].empty() || row.samples[*theirs].empty()) return "–";
    std::vector<double> rounds;
    for (std::size_t i = 0; i < row.samples[*ours].size(); ++i)
        rounds.push_back(row.samples[*ours][i].*field / row.samples[*theirs][i].*field);
    char text[64];
    std::snprintf(text, sizeof text, "**%.2f** (%.2f)",
                  best(row.samples[*ours], field, least) / best(row.samples[*theirs], field, least), median(rounds));
    return text;
}

std::string Printer::verdict(const Row& row)
{
    const auto ours = index("berth");
    const auto theirs = index("haproxy");
    if (!row.aim.field || !ours || !theirs || row.samples[*ours].empty() || row.samples[*theirs].empty()) return "–";
    const double got = best(row.samples[*ours], row.aim.field, row.aim.least) /
                       best(row.samples[*theirs], row.aim.field, row.aim.least);
    const bool met = row.aim.least ? got >= row.aim.limit : got <= row.aim.limit;
    if (row.aim.least ? got * (1 + slack) < row.aim.limit : got > row.aim.limit * (1 + slack)) ++missed;
    char text[64];
    std::snprintf(text, sizeof text, "%s %.2f %s", row.aim.least ? "≥" : "≤", row.aim.limit,
                  met ? "met" : "**MISSED**");
    return text;
}

/// A cell with the best round of each target.
void Printer::cells(const Row& row, Field field, bool least, const char* format) const
{
    for (std::size_t i = 0; i < targets.size(); ++i) {
        std::printf(i > 0 ? " / " : " ");
        if (row.samples[i].empty() || best(row.samples[i], field, least) == 0)
            std::printf("–");
        else
            std::printf(format, best(row.samples[i], field, least));
    }
    std::printf(" |");
}

struct Column {
    const char* title;
    Field field;
    bool least;  ///< more is better
    const char* format;
};

struct Ratio {
    const char* title;
    Field field;
    bool least;
    const char* other;
};

void print_rows(Printer& print, const char* title, const std::vector<Row>& rows, const std::vector<Column>& columns,
                const std::vector<Ratio>& ratios)
{
    if (rows.empty()) return;
    std::string names;
    for (const Target& each : print.targets) names += (names.empty() ? "" : " / ") + each.name;
    std::printf("\n### %s\n\n| scenario |", title);
    for (const Column& each : columns) std::printf(" %s, %s |", each.title, names.c_str());
    for (const Ratio& each : ratios) std::printf(" %s |", each.title);
    std::printf(" aim |\n|---|");
    for (std::size_t i = 0; i < columns.size() + ratios.size() + 1; ++i) std::printf("---|");
    for (const Row& row : rows) {
        std::printf("\n| %s |", row.name.c_str());
        for (const Column& each : columns) print.cells(row, each.field, each.least, each.format);
        for (const Ratio& each : ratios)
            std::printf(" %s |", print.ratio(row, each.field, each.least, each.other).c_str());
        std::printf(" %s |", print.verdict(row).c_str());
    }
    std::printf("\n");
}

void print_memory(Printer& print, const std::vector<Memory>& memory)
{
    std::printf(
        "\n### Memory, KiB\n\n| | idle | idle connections | after all | peak | aim "
        "|\n|---|---|---|---|---|---|\n");
    for (std::size_t i = 0; i < memory.size(); ++i) {
        const Target& target = print.targets[i];
        if (target.pid == 0) continue;
        const char* verdict = "–";
        if (target.name == "berth") {
            verdict = memory[i].idle <= idle_aim ? "idle ≤ 10 MiB met" : "idle ≤ 10 MiB **MISSED**";
            if (memory[i].idle > idle_aim * (1 + print.slack)) ++print.missed;
        }
        std::printf("| %s | %.0f | %+.0f | %.0f | %.0f | %s |\n", target.name.c_str(), memory[i].idle,
                    memory[i].connections, memory[i].after, memory[i].peak, verdict);
    }
}

}  // namespace

int print_tables(const std::vector<Target>& targets, const std::vector<Row>& requests, const std::vector<Row>& streams,
                 const std::vector<Memory>& memory, double slack)
{
    Printer print{targets, slack};
    print_rows(print, "Requests", requests,
               {{"requests/s", &Sample::rate, true, "%.0f"},
                {"p50 µs", &Sample::p50, false, "%.1f"},
                {"p99 µs", &Sample::p99, false, "%.0f"},
                {"CPU µs/request", &Sample::cpu, false, "%.1f"}},
               {{"CPU to haproxy", &Sample::cpu, false, "haproxy"},
                {"p50 to haproxy", &Sample::p50, false, "haproxy"},
                {"p50 to direct", &Sample::p50, false, "direct"}});
    print_rows(print, "Streams", streams,
               {{"GiB/s", &Sample::gib, true, "%.2f"}, {"CPU s/GiB", &Sample::cpu_gib, false, "%.3f"}},
               {{"GiB/s to haproxy", &Sample::gib, true, "haproxy"},
                {"CPU to haproxy", &Sample::cpu_gib, false, "haproxy"},
                {"GiB/s to direct", &Sample::gib, true, "direct"}});
    print_memory(print, memory);
    return print.missed;
}

}  // namespace bench
