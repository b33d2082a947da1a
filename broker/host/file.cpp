#include "broker/host/file.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace broker {

File::~File()
{
    if (descriptor_ >= 0) ::close(descriptor_);
}

bool File::is_directory() const
{
    return S_ISDIR(status_of(*this).st_mode);
}

struct stat status_of(const File& file)
{
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) throw std::system_error(errno, std::generic_category(), "stat");
    return status;
}

}  // namespace broker
