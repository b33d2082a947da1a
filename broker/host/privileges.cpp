#include "broker/host/privileges.h"

#include <cap-ng.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace broker {
namespace {

constexpr std::array needed = {
    Capability{CAP_NET_ADMIN, "net_admin", "the nftables table that keeps jobs apart; the inode of a door's socket (SIOCUNIXFILE)"},
    Capability{CAP_SYS_ADMIN, "sys_admin",
               "mounts that hold a job's paths: on engines before API 1.45, and of a workspace that others than root can move (open_tree, "
               "move_mount, umount2)"},
    Capability{CAP_DAC_OVERRIDE, "dac_override",
               "the directories of a job's workspace and of an anchor's mounts, which are other users'; a rootless engine's socket"},
    Capability{CAP_SETUID, "setuid", "a directory that is missing in a workspace is made as its owner (setfsuid)"},
    Capability{CAP_SETGID, "setgid", "the same (setfsgid)"},
    Capability{CAP_LINUX_IMMUTABLE, "linux_immutable",
               "flags that keep files of a job's volumes and containers from being removed (FS_IOC_SETFLAGS)"},
    Capability{CAP_FOWNER, "fowner", "the same, where the files are other users'"},
    Capability{CAP_KILL, "kill", "processes in the cgroup of a job that is over, of whatever user: an engine that was killed has forgotten them"},
    Capability{CAP_SYS_PTRACE, "sys_ptrace",
               "whether the engine sees berth's mounts: /proc/<engine>/root, of a process with more capabilities than ours"},
};

[[noreturn]] void fail(const char* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

void keep_needed_capabilities()
{
    if (::capng_get_caps_process() != 0) fail("capabilities cannot be read");
    std::array<bool, needed.size()> had{};
    for (std::size_t at = 0; at < needed.size(); ++at)
        had[at] = ::capng_have_capability(CAPNG_PERMITTED, static_cast<unsigned>(needed[at].number)) != 0;
    const bool may_bound = ::capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
    ::capng_clear(CAPNG_SELECT_ALL);
    for (std::size_t at = 0; at < needed.size(); ++at)
        if (had[at])
            ::capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET),
                           static_cast<unsigned>(needed[at].number));
    if (::capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0) fail("capabilities cannot be given up");
}

}  // namespace

std::span<const Capability> needed_capabilities()
{
    return needed;
}

void give_up_privileges()
{
    ::umask(0077);
    keep_needed_capabilities();
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs");
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) fail("dumpable");
}

}  // namespace broker
