#include "broker/cli/print.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>

namespace broker {

using rules::Json;

void print_json(const rules::Json& json)
{
    fmt::print("{}\n", json.dump(2));
}

std::string age_of(std::int64_t since)
{
    const std::int64_t seconds = std::max<std::int64_t>(0, std::time(nullptr) - since);
    if (seconds < 120) return fmt::format("{}s", seconds);
    if (seconds < 7200) return fmt::format("{}m", seconds / 60);
    if (seconds < 172800) return fmt::format("{}h", seconds / 3600);
    return fmt::format("{}d", seconds / 86400);
}

std::int64_t seconds_of(const std::string& text)
{
    std::size_t used = 0;
    const std::int64_t value = std::stoll(text, &used);
    const std::string unit = text.substr(used);
    const std::int64_t factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
    if (factor == 0 || value < 0) throw std::runtime_error("not a duration: " + text);
    return value * factor;
}

void print_jobs(const Json& jobs)
{
    fmt::print("{:<24} {:<9} {:<10} {:>5} {:>10} {:>8} {:>7} {:>6} {:>8} {:>8}\n", "JOB", "STATE", "PROFILE", "AGE", "CONTAINERS", "NETWORKS",
               "VOLUMES", "IMAGES", "REQUESTS", "REFUSALS");
    for (const Json& job : jobs) {
        const Json& objects = job.at("objects");
        fmt::print("{:<24} {:<9} {:<10} {:>5} {:>10} {:>8} {:>7} {:>6} {:>8} {:>8}\n", job.value("id", ""), job.value("state", ""),
                   job.value("profile", ""), age_of(job.value("created", std::int64_t{0})), objects.value("container", 0),
                   objects.value("network", 0), objects.value("volume", 0), objects.value("image", 0), job.value("requests", 0),
                   job.value("refusals", 0));
    }
}

static void print_isolation(const Json& isolation)
{
    fmt::print("isolation {}\n", isolation.value("enforced", false) ? "enforced" : "not enforced: " + isolation.value("problem", ""));
}

void print_job(const Json& job)
{
    fmt::print("job       {}\nkey       {}\nstate     {}\nprofile   {}\nage       {}\ndoor      {}\naddress   {}\n", job.value("id", ""),
               job.value("key", ""), job.value("state", ""),
               job.value("profile", "") + (job.value("mode", "") == "observe" ? " (only observes)" : ""),
               age_of(job.value("created", std::int64_t{0})), job.value("door", ""), job.value("address", ""));
    print_isolation(job.at("isolation"));
    for (const auto& [kind, count] : job.at("objects").items()) fmt::print("{:<9} {}\n", kind + "s", count.get<int>());
    fmt::print("requests  {}\nrefusals  {}\n", job.value("requests", 0), job.value("refusals", 0));
    if (job.value("mode", "") == "observe") fmt::print("observed  {}\n", job.value("observed", 0));
}

static void print_disk(const char* whose, const Json& disk)
{
    const std::string problem = disk.value("problem", "");
    fmt::print("disk      {} at {}: {}\n", whose, disk.value("path", ""),
               problem.empty() ? fmt::format("{} free ({:.0f} %)", human(disk.value("bytes_free", std::uint64_t{0})), disk.value("percent_free", 0.0))
                               : problem);
}

void print_status(const Json& status)
{
    const Json& engine = status.at("engine");
    fmt::print("berth     {} up {}\nengine    {} {} (API {})\njobs      {}\ncontainers {}\nrequests  {}\nrefusals  {}\n", status.value("version", ""),
               age_of(std::time(nullptr) - status.value("uptime", std::int64_t{0})), engine.value("address", ""), engine.value("version", ""),
               engine.value("api", ""), status.value("jobs", 0), status.value("containers", 0), status.value("requests", 0),
               status.value("refusals", 0));
    print_isolation(status.at("isolation"));
    if (const auto reap = status.find("last_reap"); reap != status.end())
        fmt::print("last reap {} ago: {} removed, {} left\n", age_of(reap->value("finished", std::int64_t{0})), reap->value("removed", 0),
                   reap->value("left", 0));
    if (const Json cache = status.value("cache", Json()); !cache.is_null())
        fmt::print("cache     {} images, {} ({} ago)\n", cache.value("images", 0), human(cache.value("bytes", std::uint64_t{0})),
                   age_of(cache.value("looked", std::int64_t{0})));
    for (const auto& [whose, disk] : status.at("disks").items()) print_disk(whose.c_str(), disk);
    const Json& logged = status.at("logged");
    fmt::print("logged    {} errors, {} warnings\n", logged.value("errors", 0), logged.value("warnings", 0));
    if (const std::string trouble = status.value("ledger", ""); !trouble.empty()) fmt::print("ledger    {}\n", trouble);
}

void print_findings(const std::vector<Finding>& findings)
{
    const bool colour = ::isatty(STDOUT_FILENO) != 0;
    for (const Finding& each : findings) {
        const char* const shade = !colour ? "" : each.health == Health::ok ? "\033[32m" : each.health == Health::warn ? "\033[33m" : "\033[31m";
        fmt::print("{}{:<4}{} {:<12} {}\n", shade, health_name(each.health), colour ? "\033[0m" : "", each.check, each.text);
        if (!each.fix.empty()) fmt::print("{:17} fix: {}\n", "", each.fix);
    }
}

int print_report(const Json& report)
{
    const Json removed = report.value("removed", Json::object());
    for (const auto& [kind, count] : removed.items()) fmt::print("removed {} {}{}\n", count.get<int>(), kind, count.get<int>() == 1 ? "" : "s");
    if (const int kept = report.value("kept", 0); kept > 0) fmt::print("kept {} pulled image{} in the host's cache\n", kept, kept == 1 ? "" : "s");
    if (const std::string error = report.value("error", ""); !error.empty()) fmt::print("not closed: {}\n", error);
    for (const Json& each : report.value("left", Json::array()))
        fmt::print("left: {} {}: {}\n", each.value("kind", ""), each.value("name", ""), each.value("error", ""));
    const bool clean = report.value("clean", false);
    if (!clean) fmt::print("not everything is proven gone: berth goes on with it; run the same command again to know\n");
    return clean ? 0 : 1;
}

static void print_cache(const Json& cache)
{
    const Json& images = cache.at("images");
    if (!images.empty()) fmt::print("{:<9} {:>10} {:>5} {:<48} {}\n", "OUTCOME", "SIZE", "USED", "IMAGE", "WHY");
    for (const Json& each : images)
        fmt::print("{:<9} {:>10} {:>5} {:<48} {}\n", each.value("outcome", ""), human(each.value("size", std::uint64_t{0})),
                   age_of(each.value("used", std::int64_t{0})), each.value("name", ""), each.value("why", ""));
    if (const auto freed = cache.value("freed", std::uint64_t{0}); freed > 0) {
        const Json returned = cache.value("returned", Json());
        fmt::print("{} of {} in the cache of images{}\n", human(freed), human(cache.value("bytes", std::uint64_t{0})),
                   returned.is_number()
                       ? ": " + human(static_cast<std::uint64_t>(std::max<std::int64_t>(0, returned.get<std::int64_t>()))) + " of disk came back"
                       : "");
    }
    if (const std::string problem = cache.value("problem", ""); !problem.empty()) fmt::print("cache: {}\n", problem);
    if (const Json builds = cache.value("build_cache", Json()); builds.is_object())
        fmt::print("build cache: {} freed{}\n", human(builds.value("freed", std::uint64_t{0})),
                   builds.value("problem", "").empty() ? "" : ": " + builds.value("problem", ""));
}

int print_cleanup(const Json& report)
{
    const Json& objects = report.at("objects");
    if (!objects.empty()) fmt::print("{:<9} {:<9} {:<32} {:<24} {}\n", "OUTCOME", "KIND", "NAME", "JOB", "WHY");
    for (const Json& each : objects) {
        const std::string job = each.value("job", ""), error = each.value("error", "");
        fmt::print("{:<9} {:<9} {:<32} {:<24} {}{}\n", each.value("outcome", ""), each.value("kind", ""), each.value("name", ""),
                   job.empty() ? each.value("key", "") : job, each.value("why", ""), error.empty() ? "" : ": " + error);
    }
    if (objects.empty()) fmt::print("nothing is left of any job\n");
    print_cache(report.at("cache"));
    if (const auto forgotten = report.value("forgotten", std::int64_t{0}); forgotten > 0) fmt::print("forgot {} old jobs\n", forgotten);
    return report.value("clean", false) ? 0 : 1;
}

}  // namespace broker
