#include "broker/host/door.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "broker/host/own_files.h"

namespace broker {

namespace fs = std::filesystem;

namespace {

/// SIOCUNIXFILE of linux/un.h, which cannot be included beside sys/un.h.
constexpr unsigned long file_of_socket = SIOCPROTOPRIVATE;

}  // namespace

std::string fdstore_name(const std::string& key)
{
    return "door-" + key;
}

bool listens_at(int descriptor, const fs::path& path)
{
    if (::sd_is_socket_unix(descriptor, SOCK_STREAM, 1, path.c_str(), 0) <= 0) return false;
    struct stat there{}, ours{};
    if (::lstat(path.c_str(), &there) != 0 || !S_ISSOCK(there.st_mode)) return false;
    // The kernel opens the file of a socket for those with CAP_NET_ADMIN. Others have only the name, in a directory
    // that is ours alone.
    const File file(::ioctl(descriptor, file_of_socket));
    return file.get() < 0 ||
           (::fstat(file.get(), &ours) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino);
}

void as_parent(const fs::path& path)
{
    struct stat parent{};
    if (::stat(path.parent_path().c_str(), &parent) != 0 || ::chown(path.c_str(), static_cast<uid_t>(-1), parent.st_gid) != 0)
        throw std::system_error(errno, std::generic_category(), path.string());
}

OpenedDoor open_door(Executor executor, const fs::path& path, const std::string& key, Supervisor& supervisor)
{
    own_directory(path.parent_path());
    as_parent(path.parent_path());
    fs::permissions(path.parent_path(), fs::status(path.parent_path().parent_path()).permissions());
    const std::string name = fdstore_name(key);
    if (File passed = supervisor.take(name); passed.get() >= 0) {
        if (listens_at(passed.get(), path)) return {Acceptor(executor, Unix(), passed.release()), true};
        supervisor.drop(name);
    }
    fs::remove(path);
    Acceptor acceptor(executor, Unix::endpoint(path.string()));
    // The directory keeps others on the host away; whoever has the socket mounted may use it, under any uid.
    fs::permissions(path, static_cast<fs::perms>(0666));
    const bool kept = supervisor.keep(acceptor.native_handle(), name);
    return {std::move(acceptor), kept};
}

}  // namespace broker
