#include "broker/host/file_flags.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "broker/host/beneath.h"

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

/// The entries of a directory, a buffer of them at a time.
class Entries {
public:
    struct Entry {
        std::string_view name;  ///< until the next call
        off_t place;            ///< of the next one
    };

    /// Those from `place` on.
    void begin(const File& directory, off_t place)
    {
        descriptor_ = directory.get();
        at_ = filled_ = 0;
        if (::lseek(descriptor_, place, SEEK_SET) < 0) fail(errno, "list a directory");
    }

    std::optional<Entry> next()
    {
        if (at_ == filled_) {
            const long read = ::syscall(SYS_getdents64, descriptor_, buffer_.data(), buffer_.size());
            if (read < 0) fail(errno, "list a directory");
            at_ = 0;
            filled_ = static_cast<std::size_t>(read);
            if (filled_ == 0) return std::nullopt;
        }
        const auto* entry = reinterpret_cast<const dirent64*>(buffer_.data() + at_);
        at_ += entry->d_reclen;
        return Entry{entry->d_name, entry->d_off};
    }

private:
    int descriptor_ = -1;
    alignas(dirent64) std::array<char, 32768> buffer_{};
    std::size_t at_ = 0, filled_ = 0;
};

/// One walk. A job nests as deep and puts as many into one directory as it likes: one directory is open at a time, of the others is known how
/// far they were looked at, and the way up is looked at before it is taken.
class Walk {
public:
    explicit Walk(File top) : at_(std::move(top)) { enter(); }

    std::size_t run()
    {
        while (!levels_.empty())
            if (const auto entry = entries_.next())
                visit(*entry);
            else
                leave();
        return cleared_;
    }

private:
    struct Level {
        ino_t directory;
        off_t place;  ///< of the first entry that is still to be looked at
    };

    void enter()
    {
        cleared_ += clear(at_);
        levels_.push_back({status_of(at_).st_ino, 0});
        entries_.begin(at_, 0);
    }

    void leave()
    {
        levels_.pop_back();
        if (levels_.empty()) return;
        at_ = File(::openat(at_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (at_.get() < 0 || status_of(at_).st_ino != levels_.back().directory) fail(EAGAIN, "a directory was moved");
        entries_.begin(at_, levels_.back().place);
    }

    void visit(const Entries::Entry& found)
    {
        if (found.name == "." || found.name == "..") return;
        if (++looked_at_ > entries_max) fail(E2BIG, "there are too many files to look at");
        const std::string name(found.name);
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
        levels_.back().place = found.place;
        at_ = std::move(entry);
        enter();
    }

    File at_;
    Entries entries_;
    std::vector<Level> levels_;
    std::size_t looked_at_ = 0;
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
