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
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor >= 0 && ::fchmod(descriptor, 0600) == 0) return descriptor;
    const std::string reason = std::generic_category().message(errno);
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
