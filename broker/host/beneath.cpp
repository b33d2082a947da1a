#include "broker/host/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <system_error>

#include "broker/host/own_files.h"

namespace broker {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

File checked(long descriptor, const std::string& what)
{
    if (descriptor < 0) fail(what);
    return File(static_cast<int>(descriptor));
}

/// -1 and errno, like the call. Retried while somebody renames what is on the way (EAGAIN).
int open_inside(int root, const std::string& subpath)
{
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    const char* path = subpath.empty() ? "." : subpath.c_str();
    for (int tries = 0;; ++tries) {
        const long file = ::syscall(SYS_openat2, root, path, &how, sizeof how);
        if (file >= 0 || errno != EAGAIN || tries == 100) return static_cast<int>(file);
    }
}

/// The thread's own umask for as long as this lives: that of the process lets others see nothing.
class Umask {
public:
    explicit Umask(mode_t mask)
    {
        if (::unshare(CLONE_FS) != 0) fail("unshare");
        before_ = ::umask(mask);
    }
    Umask(const Umask&) = delete;
    Umask& operator=(const Umask&) = delete;
    ~Umask() { ::umask(before_); }

private:
    mode_t before_;
};

/// A new directory of `owner`'s: made with his rights, so that no name has to be looked up again to give it to him.
/// Where he may not, it is root's, as Docker's own are.
int make_directory(int parent, const std::string& name, const struct stat& owner)
{
    const Umask shown(0022);
    const int group = ::setfsgid(owner.st_gid);
    const int user = ::setfsuid(owner.st_uid);  // of this thread alone
    int result = ::mkdirat(parent, name.c_str(), 0755);
    const int error = errno;
    ::setfsuid(static_cast<uid_t>(user));
    ::setfsgid(static_cast<gid_t>(group));
    errno = error;
    if (result != 0 && error == EACCES) result = ::mkdirat(parent, name.c_str(), 0755);
    return result;
}

}  // namespace

File open_root(const std::string& path)
{
    return checked(::open(path.c_str(), O_PATH | O_CLOEXEC), path);
}

File open_beneath(const File& root, const std::string& subpath)
{
    return checked(open_inside(root.get(), subpath), subpath);
}

File make_beneath(const File& root, const std::string& subpath)
{
    if (const int there = open_inside(root.get(), subpath); there >= 0 || errno != ENOENT)
        return checked(there, subpath);
    const struct stat owner = status_of(root);
    // Each step begins at the root again: a link may climb within the root, but not out of a directory that is opened
    // by itself.
    File parent = open_beneath(root, "");
    for (std::size_t end = 0; end < subpath.size();) {
        const std::size_t begin = end;
        end = std::min(subpath.find('/', begin + 1), subpath.size());
        const std::string front = subpath.substr(0, end);
        const std::string name = front.substr(front.rfind('/') + 1);
        int next = open_inside(root.get(), front);
        if (next < 0 && errno == ENOENT) {
            if (make_directory(parent.get(), name, owner) != 0) fail("mkdir " + front);
            next = open_inside(root.get(), front);
        }
        parent = checked(next, front);
    }
    return parent;
}

std::filesystem::path pin(const File& file, const fs::path& directory, const std::string& name)
{
    own_directory(directory);
    const fs::path entry = directory / name;
    const int made = file.is_directory() ? ::mkdir(entry.c_str(), 0700) : ::mknod(entry.c_str(), S_IFREG | 0600, 0);
    if (made != 0) fail("make " + entry.string());
    try {
        const File tree =
            checked(::open_tree(file.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE),
                    "open_tree");
        // What is unmounted here later must not be unmounted where it comes from.
        mount_attr attributes{};
        attributes.propagation = MS_PRIVATE;
        if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0)
            fail("mount_setattr");
        if (::move_mount(tree.get(), "", AT_FDCWD, entry.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) fail("move_mount");
    } catch (...) {
        unpin(entry);
        throw;
    }
    return entry;
}

std::filesystem::path pin(const File& file, const fs::path& directory)
{
    for (int number = 1;; ++number) {
        try {
            return pin(file, directory, std::to_string(number));
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::file_exists) throw;
        }
    }
}

void unpin(const fs::path& entry) noexcept
{
    while (::umount2(entry.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    // A directory that is not empty is not ours: neither call removes it.
    if (::rmdir(entry.c_str()) != 0 && errno == ENOTDIR) ::unlink(entry.c_str());
}

void unpin_all(const fs::path& directory) noexcept
{
    struct stat status{};
    if (::lstat(directory.c_str(), &status) != 0) return;
    if (!S_ISDIR(status.st_mode)) {  // nothing that we made: what a link leads to stays as it is
        ::unlink(directory.c_str());
        return;
    }
    std::error_code ignored;
    for (fs::directory_iterator each(directory, ignored), end; !ignored && each != end; each.increment(ignored))
        unpin(each->path());
    ::rmdir(directory.c_str());
}

bool sees(const std::string& engine, const fs::path& path)
{
    const File socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (engine.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, engine.c_str(), engine.size() + 1);
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
        return false;
    struct stat ours{}, theirs{};
    const std::string there = "/proc/" + std::to_string(peer.pid) + "/root" + path.string();
    return ::stat(path.c_str(), &ours) == 0 && ::stat(there.c_str(), &theirs) == 0 && ours.st_dev == theirs.st_dev &&
           ours.st_ino == theirs.st_ino;
}

bool can_be_moved(const fs::path& path)
{
    struct stat entry{};
    if (::lstat(path.c_str(), &entry) != 0) return true;
    for (fs::path directory = path.parent_path();; directory = directory.parent_path()) {
        struct stat status{};
        if (::lstat(directory.c_str(), &status) != 0 || status.st_uid != 0) return true;
        const bool shared = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
        // In a sticky directory (/tmp) the owner of an entry may rename it.
        if (shared && ((status.st_mode & S_ISVTX) == 0 || entry.st_uid != 0)) return true;
        if (directory == directory.root_path()) return false;
        entry = status;
    }
}

}  // namespace broker
