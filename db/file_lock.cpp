#include "db/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "db/failure.h"

namespace db {

namespace {

int open_private(const std::filesystem::path& file)
{
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat status{};
    std::string reason;
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0)
        reason = std::generic_category().message(errno);
    else if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
        reason = "it is no file of its own";
    else if (::fchmod(descriptor, 0600) != 0)
        reason = std::generic_category().message(errno);
    else
        return descriptor;
    if (descriptor >= 0) ::close(descriptor);
    throw Failure("cannot open " + file.string() + ": " + reason);
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& file) : descriptor_(open_private(file.string() + ".lock"))
{
    try {
        if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) throw Busy("ledger " + file.string() + " is in use by another berth");
            throw Failure("cannot lock " + file.string() + ": " + std::generic_category().message(errno));
        }
        // Here, before SQLite opens it: to close a descriptor of it later would drop the locks that SQLite has on it.
        ::close(open_private(file));
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

FileLock::~FileLock()
{
    ::close(descriptor_);
}

}  // namespace db
