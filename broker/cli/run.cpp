#include "broker/cli/run.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "broker/cli/admin_client.h"
#include "rules/query.h"

namespace broker {
namespace {

constexpr std::chrono::seconds lease(60);  ///< a daemon that is being restarted finds us again within it

constexpr std::array passed_on = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/// As the command will call it: its shell says $PWD, which may lead over a link.
std::string current_directory()
{
    const char* told = std::getenv("PWD");
    std::error_code ignored;
    if (told && *told == '/' && std::filesystem::equivalent(told, ".", ignored)) return told;
    return std::filesystem::current_path(ignored).string();
}

/// Starts the command with DOCKER_HOST at the door of `job` and the address of its published ports, the signals of `blocked` unblocked again.
pid_t start(const std::vector<std::string>& command, const rules::Json& job, const sigset_t& before)
{
    std::vector<char*> arguments;
    for (const std::string& each : command) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error(fmt::format("cannot start a process: {}", std::strerror(errno)));
    if (child > 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // without us the command's Docker is about to end
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::setenv("DOCKER_HOST", ("unix://" + job.value("door", "")).c_str(), 1);
    ::setenv("BERTH_JOB", job.value("id", "").c_str(), 1);
    if (const std::string address = job.value("address", ""); !address.empty()) {
        ::setenv("BERTH_HOST", address.c_str(), 1);
        ::setenv("TESTCONTAINERS_HOST_OVERRIDE", address.c_str(), 1);
    }
    ::unsetenv("DOCKER_CONTEXT");
    ::unsetenv("DOCKER_TLS_VERIFY");
    ::execvp(arguments.front(), arguments.data());
    fmt::print(stderr, "berth: {}: {}\n", command.front(), std::strerror(errno));
    ::_exit(errno == ENOENT ? 127 : 126);
}

/// Waits for the child, passing signals on to it; its exit status as a shell gives it.
int await(pid_t child, const sigset_t& signals)
{
    for (;;) {
        int status = 0;
        const pid_t ended = ::waitpid(child, &status, WNOHANG);
        if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        siginfo_t info{};
        const int signal = ::sigwaitinfo(&signals, &info);
        // What the terminal sends to the whole foreground group has reached the child already.
        const bool from_terminal = info.si_code == SI_KERNEL;
        if (signal > 0 && signal != SIGCHLD && !from_terminal) ::kill(child, signal);
    }
}

}  // namespace

int run_in_job(const RunRequest& request)
{
    sigset_t signals, before;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGCHLD);
    for (const int each : passed_on) ::sigaddset(&signals, each);
    ::sigprocmask(SIG_BLOCK, &signals, &before);

    rules::Json open = rules::Json::object();
    if (!request.profile.empty()) open["profile"] = request.profile;
    if (!request.id.empty()) open["id"] = request.id;
    open["workspace"] = std::filesystem::absolute(request.workspace.empty() ? current_directory() : request.workspace).string();
    open["workspace_wanted"] = !request.workspace.empty();
    open["lease"] = lease.count();
    const rules::Json job = ask_daemon(request.admin, "POST", "/jobs", open);
    const pid_t child = start(request.command, job, before);
    hold_job(request.admin, job.value("key", ""));  // whatever ends us, the job ends too
    const int status = await(child, signals);

    const rules::Json report = ask_to_close(request.admin, "/jobs/" + rules::percent_encode(job.value("key", "")), std::chrono::seconds(60));
    for (const rules::Json& each : report.value("left", rules::Json::array()))
        fmt::print(stderr, "berth: not removed: {} {}: {}\n", each.value("kind", ""), each.value("name", ""), each.value("error", ""));
    const bool clean = report.value("clean", false);
    return clean || status != 0 ? status : 1;
}

}  // namespace broker
