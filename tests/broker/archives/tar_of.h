#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <string>
#include <vector>

namespace broker {

/// What is put into an archive: a file, a symbolic link, or a folder when its name ends with a slash.
struct Entry {
    std::string name;
    std::string data = {};
    std::string link = {};   ///< target of a symbolic link
    std::string xattr = {};  ///< the value of its attribute user.x
};

using Filter = int (*)(archive*);
using Format = int (*)(archive*);

/// An archive as a client could send it. With the format raw, `entries` is one file, whose data is all there is.
inline std::string tar_of(const std::vector<Entry>& entries, Filter filter = ::archive_write_add_filter_none,
                          Format format = ::archive_write_set_format_pax_restricted)
{
    std::string out;
    archive* tar = ::archive_write_new();
    format(tar);
    filter(tar);
    ::archive_write_set_bytes_in_last_block(tar, 1);
    const auto write = [](archive*, void* into, const void* bytes, std::size_t size) {
        static_cast<std::string*>(into)->append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
    };
    ::archive_write_open(tar, &out, nullptr, write, nullptr);
    for (const Entry& each : entries) {
        archive_entry* entry = ::archive_entry_new();
        ::archive_entry_set_pathname(entry, each.name.c_str());
        ::archive_entry_set_filetype(entry, !each.link.empty() ? AE_IFLNK : each.name.ends_with('/') ? AE_IFDIR : AE_IFREG);
        if (!each.link.empty()) ::archive_entry_set_symlink(entry, each.link.c_str());
        if (!each.xattr.empty()) ::archive_entry_xattr_add_entry(entry, "user.x", each.xattr.data(), each.xattr.size());
        ::archive_entry_set_perm(entry, 0640);
        ::archive_entry_set_mtime(entry, 1234, 0);
        ::archive_entry_set_size(entry, static_cast<la_int64_t>(each.data.size()));
        ::archive_write_header(tar, entry);
        ::archive_write_data(tar, each.data.data(), each.data.size());
        ::archive_entry_free(entry);
    }
    ::archive_write_close(tar);
    ::archive_write_free(tar);
    return out;
}

}  // namespace broker
