#include "broker/host/disk_space.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace broker {
namespace {

namespace fs = std::filesystem;

std::string kind_of(long magic)
{
    constexpr std::array<std::pair<unsigned long, const char*>, 16> known{{{0xef53, "ext4"},
                                                                           {0x58465342, "xfs"},
                                                                           {0x9123683e, "btrfs"},
                                                                           {0x01021994, "tmpfs"},
                                                                           {0x858458f6, "ramfs"},
                                                                           {0x794c7630, "overlay"},
                                                                           {0x6969, "nfs"},
                                                                           {0x517b, "smb"},
                                                                           {0xff534d42, "cifs"},
                                                                           {0xfe534d42, "smb2"},
                                                                           {0x01021997, "9p"},
                                                                           {0x65735546, "fuse"},
                                                                           {0x2fc12fc1, "zfs"},
                                                                           {0xf2f52010, "f2fs"},
                                                                           {0xca451a4e, "bcachefs"},
                                                                           {0x61756673, "aufs"}}};
    const auto value = static_cast<unsigned long>(magic) & 0xffffffffUL;
    for (const auto& [number, name] : known)
        if (number == value) return name;
    return fmt::format("{:#x}", value);
}

}  // namespace

std::string human(std::uint64_t bytes)
{
    constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
    return fmt::format("{:.{}f} {}", value, unit == 0 || value >= 100 ? 0 : 1, units[unit]);
}

double percent(std::uint64_t part, std::uint64_t whole)
{
    return whole == 0 ? 100.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

Space space_at(const fs::path& path, bool made_later)
{
    Space space;
    space.path = path.string();
    fs::path there = path;
    std::error_code ignored;
    while (made_later && !fs::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
    struct statvfs room{};
    struct statfs system{};
    if (::statvfs(there.c_str(), &room) != 0 || ::statfs(there.c_str(), &system) != 0) {
        space.problem = std::strerror(errno);
        return space;
    }
    space.kind = kind_of(system.f_type);
    space.bytes = std::uint64_t{room.f_blocks} * room.f_frsize;
    space.bytes_free = std::uint64_t{room.f_bfree} * room.f_frsize;
    space.inodes = room.f_files;
    space.inodes_free = room.f_ffree;
    return space;
}

rules::Json json_of(const Space& space)
{
    return {{"path", space.path}, {"kind", space.kind}, {"bytes", space.bytes}, {"bytes_free", space.bytes_free},
            {"percent_free", percent(space.bytes_free, space.bytes)}, {"problem", space.problem}};
}

}  // namespace broker
