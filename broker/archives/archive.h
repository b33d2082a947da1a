#pragma once

#include <archive.h>

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include "broker/archives/spool.h"
#include "broker/archives/unpacker.h"

// Reading an archive that a client sent, and writing one anew from it. Everything here blocks.
namespace broker {

/// libarchive reads names in the thread's locale: where that is UTF-8 it composes their letters (NFC), and the engine would
/// get other names than the client sent. As long as this lives it is C, in which it leaves the bytes as they are.
class RawNames {
public:
    RawNames();
    RawNames(const RawNames&) = delete;
    RawNames& operator=(const RawNames&) = delete;
    ~RawNames();

private:
    locale_t before_;
};

/// Reads the entries of a tar from its beginning; plain, or packed by gzip, bzip2, xz or zstd. Members throw
/// BrokenArchive.
class ArchiveReader {
public:
    explicit ArchiveReader(const Spool& spool);
    ArchiveReader(const ArchiveReader&) = delete;
    ArchiveReader& operator=(const ArchiveReader&) = delete;
    ~ArchiveReader();

    /// The next entry, valid until the following call; nullptr at the end.
    archive_entry* next();
    /// Data of the entry, holes filled; 0 at its end.
    std::size_t data(ArchiveBlock& into);

private:
    static la_ssize_t read(archive* archive, void* self, const void** bytes);
    static la_int64_t skip(archive* archive, void* self, la_int64_t size);
    void check(int result);

    archive* archive_;
    int file_;
    std::uint64_t offset_ = 0, end_, most_;
    std::uint64_t given_ = 0;                 ///< sizes of all entries so far, with their holes
    std::uint64_t left_ = 0;                  ///< of the size of the entry, data still to come
    bool data_ended_ = false;                 ///< to libarchive
    bool begun_ = false;
    std::uint64_t header_from_ = UINT64_MAX;  ///< where the header began that is being read; none: the end
    std::exception_ptr failure_ = {};         ///< of ours, while libarchive read
    Unpacker unpacker_;
};

/// A plain tar, made piece by piece from a spooled one.
class ArchiveWriter {
public:
    ArchiveWriter();
    ArchiveWriter(const ArchiveWriter&) = delete;
    ArchiveWriter& operator=(const ArchiveWriter&) = delete;
    virtual ~ArchiveWriter();

    /// The next piece, 256 KiB or somewhat more; empty at the end. Throws BrokenArchive.
    const std::string& next();

protected:
    /// Writes some more; false when everything is written.
    virtual bool step() = 0;

    void begin(archive_entry* entry);
    void data(std::string_view bytes);
    /// A whole entry: `entry` with the size of `text`, and no holes.
    void file(archive_entry* entry, std::string_view text);

private:
    void check(int result);

    archive* out_;
    std::string piece_;
    bool done_ = false;
};

/// A file, not a link to one.
bool is_file(archive_entry* entry);

/// `a/../b` as `b`, `./a` and `/a` as `a`; `..` does not lead out.
std::string clean_path(std::string_view path);

}  // namespace broker
