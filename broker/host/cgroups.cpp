#include "broker/host/cgroups.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

extern char** environ;

namespace broker {
namespace {

namespace fs = std::filesystem;

const fs::path hierarchies = "/sys/fs/cgroup";
constexpr int period = 100000;  ///< microseconds

void write(const fs::path& file, const std::string& value)
{
    const int out = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    const bool written = out >= 0 && ::write(out, value.data(), value.size()) == static_cast<ssize_t>(value.size());
    const int error = errno;
    if (out >= 0) ::close(out);
    if (!written)
        throw std::runtime_error("cannot write " + value + " to " + file.string() + ": " + std::strerror(error));
}

std::string quota_of(const rules::Profile& profile)
{
    return std::to_string(profile.job_nano_cpus * period / 1'000'000'000);
}

/// In version 1 each controller has a tree of its own.
void limit_v1(const std::string& key, const rules::Profile& profile)
{
    const auto limit = [&](const char* controller, const char* file, const std::string& value) {
        const fs::path directory = hierarchies / controller / "berth" / key;
        fs::create_directories(directory);
        write(directory / file, value);
    };
    if (profile.job_memory > 0) limit("memory", "memory.limit_in_bytes", std::to_string(profile.job_memory));
    if (profile.job_nano_cpus > 0) {
        limit("cpu", "cpu.cfs_period_us", std::to_string(period));
        limit("cpu", "cpu.cfs_quota_us", quota_of(profile));
    }
    if (profile.job_pids > 0) limit("pids", "pids.max", std::to_string(profile.job_pids));
}

void limit_v2(const std::string& key, const rules::Profile& profile)
{
    const fs::path parent = hierarchies / "berth";
    const fs::path directory = parent / key;
    fs::create_directories(directory);
    for (const fs::path& each : {hierarchies, parent}) write(each / "cgroup.subtree_control", "+memory +cpu +pids");
    if (profile.job_memory > 0) write(directory / "memory.max", std::to_string(profile.job_memory));
    if (profile.job_nano_cpus > 0) write(directory / "cpu.max", quota_of(profile) + " " + std::to_string(period));
    if (profile.job_pids > 0) write(directory / "pids.max", std::to_string(profile.job_pids));
}

void systemctl(std::vector<std::string> words)
{
    words.insert(words.begin(), "systemctl");
    std::vector<char*> arguments;
    for (std::string& each : words) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    int status = 0;
    if (::posix_spawnp(&child, "systemctl", nullptr, nullptr, arguments.data(), environ) != 0 ||
        ::waitpid(child, &status, 0) != child || status != 0)
        throw std::runtime_error("systemctl " + words[1] + " failed for a slice of berth's");
}

void limit_slice(const std::string& slice, const rules::Profile& profile)
{
    std::vector<std::string> words = {"set-property", "--runtime", slice};
    if (profile.job_memory > 0) words.push_back("MemoryMax=" + std::to_string(profile.job_memory));
    if (profile.job_nano_cpus > 0)
        words.push_back("CPUQuota=" + std::to_string(profile.job_nano_cpus / 10'000'000) + "%");
    if (profile.job_pids > 0) words.push_back("TasksMax=" + std::to_string(profile.job_pids));
    systemctl(std::move(words));
}

}  // namespace

bool limits_job(const rules::Profile& profile)
{
    return profile.job_memory > 0 || profile.job_nano_cpus > 0 || profile.job_pids > 0;
}

std::string cgroup_of(const CgroupSystem& system, const std::string& key)
{
    return system.driver == "systemd" ? "berth-" + key + ".slice" : "/berth/" + key;
}

void make_cgroup(const CgroupSystem& system, const std::string& key, const rules::Profile& profile)
{
    if (system.driver == "systemd")
        limit_slice(cgroup_of(system, key), profile);
    else if (system.driver != "cgroupfs")
        throw std::runtime_error("the engine has no cgroups (driver " + system.driver +
                                 "), and the profile limits the job");
    else if (system.version == "2")
        limit_v2(key, profile);
    else
        limit_v1(key, profile);
}

/// Ends what runs in `directory`, a cgroup of a job that is over, and removes the cgroups in it.
static void clear(const fs::path& directory)
{
    std::error_code vanished;
    for (fs::directory_iterator each(directory, vanished), end; !vanished && each != end; each.increment(vanished)) {
        std::error_code none;
        if (!each->is_directory(none)) continue;
        clear(each->path());
        ::rmdir(each->path().c_str());
    }
    std::ifstream processes(directory / "cgroup.procs");
    for (pid_t pid = 0; processes >> pid;)
        if (pid > 1) ::kill(pid, SIGKILL);
}

bool remove_cgroup(const CgroupSystem& system, const std::string& key)
{
    if (system.driver == "systemd") {
        const std::string slice = cgroup_of(system, key);
        systemctl({"stop", slice});
        systemctl({"revert", slice});
        return true;
    }
    std::error_code error;
    std::vector<fs::path> parents = {hierarchies / "berth"};
    if (system.version != "2")  // the engine makes it in every tree
        for (const auto& each : fs::directory_iterator(hierarchies, error))
            if (!each.is_symlink() && each.is_directory()) parents.push_back(each.path() / "berth");
    bool gone = true;
    for (const fs::path& parent : parents) {
        clear(parent / key);
        if (::rmdir((parent / key).c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) gone = false;
        ::rmdir(parent.c_str());  // stays as long as another job is in it
    }
    return gone;
}

}  // namespace broker
