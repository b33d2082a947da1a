#pragma once

#include <algorithm>
#include <array>
#include <string_view>

// The capabilities that a container may have at all, and what each can leave behind when its job is over. What is not here is root on the host
// (SYS_ADMIN, SYS_MODULE, SYS_RAWIO, DAC_READ_SEARCH, BPF, PERFMON, SYS_BOOT, SYS_TIME, SYSLOG, MAC_*, AUDIT_CONTROL, ...), or leaves something:
//   LINUX_IMMUTABLE  files that even root cannot remove, and with them the volume or the container that they are in
// or takes from others what the job was not given:
//   SYS_RESOURCE     oom_score_adj below zero, so that the host kills others for the memory of the job; what a disk keeps for root; above all quotas.
//                    Only a dockerd that is root on the host needs it
namespace rules {

struct Capability {
    std::string_view name;    ///< without `CAP_`
    bool of_docker;           ///< Docker gives it to every container
    std::string_view leaves;  ///< why nothing of it is left that outlives the job
};

// clang-format off
inline constexpr Capability capability_table[] = {
    {"AUDIT_WRITE",      true,  "lines of the kernel's log, nothing else"},
    {"BLOCK_SUSPEND",    false, "wake sources are a descriptor's (EPOLLWAKEUP); /sys/power/wake_lock is read-only in a container"},
    {"CHOWN",            true,  "owners of files, which do not matter to who removes them"},
    {"DAC_OVERRIDE",     true,  "nothing"},
    {"FOWNER",           true,  "modes and attributes of files; those that keep a file from being removed take LINUX_IMMUTABLE"},
    {"FSETID",           true,  "nothing"},
    {"IPC_LOCK",         false, "locked memory is a process's, or of a segment in the container's own IPC namespace"},
    {"IPC_OWNER",        false, "objects of the container's own IPC namespace"},
    {"KILL",             true,  "processes of the container's own PID namespace"},
    {"LEASE",            false, "a lease is a process's: while it runs, who opens the file may wait for the lease-break time"},
    {"MKNOD",            true,  "device nodes are removed as any file; the device cgroup keeps them shut"},
    {"NET_ADMIN",        false, "devices, addresses, rules, qdiscs and tunnels go with the network namespace; a kernel module that was loaded for them stays loaded"},
    {"NET_BIND_SERVICE", true,  "sockets of the network namespace"},
    {"NET_BROADCAST",    false, "the same"},
    {"NET_RAW",          true,  "the same"},
    {"SETFCAP",          true,  "attributes of files, which go with them"},
    {"SETGID",           true,  "nothing"},
    {"SETPCAP",          true,  "nothing"},
    {"SETUID",           true,  "nothing"},
    {"SYS_CHROOT",       true,  "nothing"},
    {"SYS_NICE",         false, "scheduling of processes of its own PID namespace; realtime ones leave others 5 % (sched_rt_runtime_us)"},
    {"SYS_PTRACE",       false, "what it traces is of its own PID namespace"},
    {"WAKE_ALARM",       false, "alarms are a process's timers"},
};
// clang-format on

/// Their names, and behind them `ALL`, which may be dropped.
inline constexpr auto capability_names = [] {
    std::array<std::string_view, std::size(capability_table) + 1> names{};
    *std::ranges::transform(capability_table, names.begin(), &Capability::name).out = "ALL";
    return names;
}();

constexpr const Capability* find_capability(std::string_view name)
{
    const auto found = std::ranges::find(capability_table, name, &Capability::name);
    return found == std::end(capability_table) ? nullptr : found;
}

}  // namespace rules
