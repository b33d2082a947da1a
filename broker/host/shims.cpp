#include "broker/host/shims.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "broker/host/beneath.h"
#include "broker/io/offload.h"
#include "rules/names/names.h"

namespace broker {
namespace {

std::string text_of(pid_t pid, const char* what)
{
    std::ifstream file("/proc/" + std::to_string(pid) + "/" + what, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();  // of a process that has ended meanwhile: nothing (an iterator over the buffer throws)
    return std::move(text).str();
}

std::vector<pid_t> processes()
{
    std::vector<pid_t> pids;
    std::error_code ignored;
    for (const auto& each : std::filesystem::directory_iterator("/proc", ignored)) {
        const std::string name = each.path().filename();
        pid_t pid = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (error == std::errc() && end == name.data() + name.size()) pids.push_back(pid);
    }
    return pids;
}

/// The fourth field of /proc/<pid>/stat; the second, a name in parentheses, may hold anything.
pid_t parent_of(pid_t pid)
{
    const std::string stat = text_of(pid, "stat");
    const std::size_t name_end = stat.rfind(')');
    return name_end == stat.npos || stat.size() < name_end + 5 ? 0 : std::atoi(stat.c_str() + name_end + 4);
}

/// `check` runs once the pidfd is open, so that the pid cannot have been reused.
template <class Check>
bool kill_if(pid_t pid, Check check)
{
    const File process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    return process.get() >= 0 && check() && ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0;
}

}  // namespace

std::string container_of_shim(const std::string& command_line)
{
    std::vector<std::string> words;
    for (std::size_t at = 0, end = 0; (end = command_line.find('\0', at)) != command_line.npos; at = end + 1)
        words.push_back(command_line.substr(at, end - at));
    if (words.empty() || !std::filesystem::path(words[0]).filename().string().starts_with("containerd-shim")) return {};
    std::map<std::string, std::string> options;
    for (std::size_t each = 1; each + 1 < words.size(); ++each) options.try_emplace(words[each], words[each + 1]);
    return options["-namespace"] == "moby" && rules::looks_like_id(options["-id"]) ? options["-id"] : std::string();
}

std::vector<Shim> shims()
{
    std::vector<Shim> found;
    for (const pid_t pid : processes())
        if (std::string container = container_of_shim(text_of(pid, "cmdline")); !container.empty()) found.push_back({pid, std::move(container)});
    return found;
}

bool kill_shim(const Shim& shim)
{
    const auto is_it = [&shim] { return container_of_shim(text_of(shim.pid, "cmdline")) == shim.container; };
    if (!is_it()) return false;
    // Its children first: without it nobody would know whose they are.
    for (const pid_t pid : processes())
        if (parent_of(pid) == shim.pid) kill_if(pid, [&] { return parent_of(pid) == shim.pid && is_it(); });
    return kill_if(shim.pid, is_it);
}

Task<int> end_shims(std::set<std::string> containers)
{
    int killed = 0;
    if (containers.empty()) co_return killed;
    for (int tries = 0; tries < 20; ++tries) {
        if (tries > 0) co_await pause(100ms);
        std::vector<Shim> left;
        co_await offload([&] {
            left = shims();
            std::erase_if(left, [&](const Shim& each) { return !containers.contains(each.container); });
        });
        if (left.empty()) co_return killed;
        if (tries < 19) continue;
        co_await offload([&] {
            for (const Shim& each : left) killed += kill_shim(each);
        });
    }
    co_return killed;
}

}  // namespace broker
