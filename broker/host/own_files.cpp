#include "broker/host/own_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace broker {
namespace {

[[noreturn]] void refuse(int error, const std::filesystem::path& path, const std::string& why)
{
    throw std::system_error(error, std::generic_category(), path.string() + " cannot be berth's own directory: " + why);
}

}  // namespace

File own_directory(const std::filesystem::path& path)
{
    std::filesystem::create_directories(path.parent_path());
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) refuse(errno, path, "it cannot be made");
    File directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (directory.get() < 0) refuse(errno, path, "it is a link, or no directory; remove it");
    struct stat status{};
    if (::fstat(directory.get(), &status) != 0) refuse(errno, path, "its owner cannot be read");
    if (status.st_uid != ::geteuid())
        refuse(EPERM, path,
               "it is of user " + std::to_string(status.st_uid) + "; give it to user " + std::to_string(::geteuid()) + ", or name another");
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        refuse(EPERM, path, "others may write in it; look at what is in it, and take that right from them (chmod go-w)");
    if ((status.st_mode & 07777) != 0700 && ::fchmod(directory.get(), 0700) != 0) refuse(errno, path, "it cannot be closed to others");
    return directory;
}

}  // namespace broker
