#include "broker/archives/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace broker {
namespace {

[[noreturn]] void fail()
{
    throw SpoolFailure(errno, std::generic_category(), "cannot keep an archive");
}

std::filesystem::path spool_directory()
{
    const char* given = std::getenv("TMPDIR");
    return given && *given ? given : "/var/tmp";
}

}  // namespace

Spool::Spool(std::uint64_t& together) : Spool(together, spool_directory()) {}

Spool::Spool(std::uint64_t& together, const std::filesystem::path& directory) : together_(together)
{
    std::string name = directory / "berth-spool-XXXXXX";
    file_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (file_ < 0) fail();
    ::unlink(name.c_str());
}

Spool::~Spool()
{
    ::close(file_);
    together_ -= reserved_;
}

bool Spool::reserve(std::uint64_t bytes)
{
    if (together_ + bytes > spool_max) return false;
    together_ += bytes;
    reserved_ += bytes;
    return true;
}

void Spool::append(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail();
        size_ += static_cast<std::uint64_t>(written);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace broker
