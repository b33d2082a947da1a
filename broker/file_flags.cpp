#include "broker/file_flags.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include "broker/beneath.h"

namespace broker {
namespace {

constexpr std::size_t entries_max = 5'000'000;

[[noreturn]] void fail(int error, const std::string& what)
{
    throw std::system_error(error, std::generic_category(), what);
}

/// -1 and errno, like the call.
int open_entry(int directory, const std::string& name, int flags)
{
    open_how how{};
    how.flags = static_cast<unsigned>(O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    return static_cast<int>(::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how));
}

/// True when `file` had one of the flags.
bool clear(const File& file)
{
    int flags = 0;
    if (::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) != 0) return false;  // a file system that has none
    if ((flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) == 0) return false;
    flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    if (::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) != 0) fail(errno, "clear the flags of a file");
    return true;
}

struct stat status_of(const File& file)
{
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) fail(errno, "stat");
    return status;
}

std::vector<std::string> names_in(const File& directory)
{
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(open_entry(directory.get(), ".", O_DIRECTORY)), ::closedir);
    if (!list) fail(errno, "list a directory");
    std::vector<std::string> names;
    while (const dirent* each = ::readdir(list.get()))
        if (const std::string name = each->d_name; name != "." && name != "..") names.push_back(name);
    return names;
}

/// One walk. A job nests as deep as it likes: one directory is open at a time, and the way up is looked at before it is taken.
class Walk {
public:
    explicit Walk(File top) : at_(std::move(top)) { enter(); }

    std::size_t run()
    {
        while (!levels_.empty())
            if (levels_.back().names.empty())
                leave();
            else
                visit();
        return cleared_;
    }

private:
    struct Level {
        ino_t directory;
        std::vector<std::string> names;  ///< that are still to be looked at
    };

    void enter()
    {
        cleared_ += clear(at_);
        levels_.push_back({status_of(at_).st_ino, names_in(at_)});
        if ((entries_ += levels_.back().names.size()) > entries_max) fail(E2BIG, "there are too many files to look at");
    }

    void leave()
    {
        levels_.pop_back();
        if (levels_.empty()) return;
        at_ = File(::openat(at_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (at_.get() < 0 || status_of(at_).st_ino != levels_.back().directory) fail(EAGAIN, "a directory was moved");
    }

    void visit()
    {
        const std::string name = std::move(levels_.back().names.back());
        levels_.back().names.pop_back();
        struct stat status{};
        if (::fstatat(at_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
        if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) return;  // no other kind can have them
        File entry(open_entry(at_.get(), name, S_ISDIR(status.st_mode) ? O_DIRECTORY : 0));
        if (entry.get() < 0 && (errno == EXDEV || errno == ENOENT)) return;
        if (entry.get() < 0) fail(errno, "open a file");
        if (!S_ISDIR(status.st_mode)) {
            cleared_ += clear(entry);
            return;
        }
        at_ = std::move(entry);
        enter();
    }

    File at_;
    std::vector<Level> levels_;
    std::size_t entries_ = 0;
    std::size_t cleared_ = 0;
};

}  // namespace

std::size_t clear_flags(const std::string& root, const std::string& subpath)
{
    const File place = open_beneath(open_root(root), subpath);
    File top(::openat(place.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (top.get() < 0) fail(errno, subpath);
    return Walk(std::move(top)).run();
}

}  // namespace broker
