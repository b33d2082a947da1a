#include "broker/host/systemd.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

namespace broker {

Supervisor::Supervisor()
{
    char** names = nullptr;
    const int count = ::sd_listen_fds_with_names(1, &names);  // they are closed on exec from here on
    for (int index = 0; index < count; ++index) {
        passed_.emplace_back(names[index], File(SD_LISTEN_FDS_START + index));
        std::free(names[index]);
    }
    std::free(static_cast<void*>(names));
}

File Supervisor::take(std::string_view name)
{
    const auto found =
        std::ranges::find(passed_, name, [](const auto& each) -> std::string_view { return each.first; });
    if (found == passed_.end()) return File();
    File taken = std::move(found->second);
    passed_.erase(found);
    return taken;
}

bool Supervisor::keep(int descriptor, const std::string& name)
{
    const std::string text = "FDSTORE=1\nFDNAME=" + name;
    return ::sd_pid_notify_with_fds(0, 0, text.c_str(), &descriptor, 1) > 0;
}

void Supervisor::drop(const std::string& name)
{
    ::sd_notify(0, ("FDSTOREREMOVE=1\nFDNAME=" + name).c_str());
}

void Supervisor::drop_rest()
{
    for (const auto& [name, file] : passed_) drop(name);
    passed_.clear();
}

void Supervisor::ready(const std::string& status)
{
    ::sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void Supervisor::reloading()
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto microseconds = std::uint64_t(now.tv_sec) * 1'000'000 + std::uint64_t(now.tv_nsec) / 1000;
    ::sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}

void Supervisor::stopping()
{
    ::sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

Task<> Supervisor::feed_watchdog()
{
    std::uint64_t microseconds = 0;
    if (::sd_watchdog_enabled(0, &microseconds) <= 0) co_return;
    const std::chrono::microseconds half(microseconds / 2);
    for (;;) {
        ::sd_notify(0, "WATCHDOG=1");
        co_await pause(half);
    }
}

}  // namespace broker
