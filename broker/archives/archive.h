#pragma once

#include <archive.h>
#include <lzma.h>

#include <array>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "broker/io/io.h"
#include "rules/result.h"

// Archives that a client sends whole before they are judged, and those that are written anew from them. Everything
// here but `aside` blocks.
namespace broker {

inline constexpr std::uint64_t spool_max = std::uint64_t{16} << 30;     ///< bytes as sent, of all archives of a job at once

/// The host cannot keep what a client sends, as when its disk is full.
struct SpoolFailure : std::system_error {
    using std::system_error::system_error;
};

/// What a client sent, in a file without a name.
class Spool {
public:
    /// In $TMPDIR, else /var/tmp: on a disk rather than in memory. `together`: bytes of all spools of the job. Throws SpoolFailure.
    explicit Spool(std::uint64_t& together);
    Spool(std::uint64_t& together, const std::filesystem::path& directory);
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;
    ~Spool();

    /// Before `bytes` more are appended; false when those of the job would be more than spool_max.
    bool reserve(std::uint64_t bytes);
    /// Throws SpoolFailure.
    void append(std::string_view bytes);
    std::uint64_t size() const { return size_; }
    int file() const { return file_; }

    std::uint64_t unpacked_max = std::uint64_t{64} << 30;  ///< bytes that it may become

private:
    std::uint64_t& together_;
    std::uint64_t reserved_ = 0;
    int file_;
    std::uint64_t size_ = 0;
};

/// An archive that cannot be read, and why.
struct BrokenArchive : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// An archive that becomes more than the job's rules let it.
struct ArchiveTooLarge : BrokenArchive {
    ArchiveTooLarge() : BrokenArchive("it is too large once unpacked") {}
};

/// What the client reads: of an archive that is too large which rule says so, of others `what` and why, as a bad request.
rules::Error error_of(const BrokenArchive& failure, const std::string& what);

/// libarchive reads names in the thread's locale, and loses those that it cannot spell there: as long as this lives it
/// is UTF-8.
class Utf8Names {
public:
    Utf8Names();
    Utf8Names(const Utf8Names&) = delete;
    Utf8Names& operator=(const Utf8Names&) = delete;
    ~Utf8Names();

private:
    locale_t before_;
};

using ArchiveBlock = std::array<char, 64 * 1024>;

/// What a client packed by gzip, bzip2, xz or zstd, or not at all, piece by piece as it is unpacked: never more at a time, so that whoever
/// reads it knows at each piece how much it has become.
class Unpacker {
public:
    /// The next bytes as they were sent; 0 at their end.
    using Source = std::function<std::size_t(ArchiveBlock&)>;

    /// Throws BrokenArchive, as do the members.
    Unpacker(Source source, std::uint64_t most);
    Unpacker(const Unpacker&) = delete;
    Unpacker& operator=(const Unpacker&) = delete;
    ~Unpacker();

    bool packed() const { return filter_ || xz_; }
    /// Empty at the end. Throws when it has become more than `most` bytes.
    std::string_view next();
    std::uint64_t size() const { return size_; }

private:
    std::string_view take();  ///< as sent
    std::string_view unpacked_by_filter();
    std::string_view unpacked_by_lzma();
    static la_ssize_t read(archive* archive, void* self, const void** bytes);

    Source source_;
    std::uint64_t most_, size_ = 0;
    archive* filter_ = nullptr;
    std::unique_ptr<lzma_stream> xz_;  ///< libarchive sets no limit to what it takes: the packed file says that, up to 4 GiB
    bool xz_ended_ = false;
    ArchiveBlock sent_{}, unpacked_{};
    std::string_view first_;  ///< read to see how it is packed
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

/// What a work aside is: a short one of the host's (rules, mounts, the packet filter), one whose length the client chose, or one that
/// waits for a name server. They have threads of their own, so that no archive and no name keeps another job's network waiting; of large
/// JSON texts one is read at a time.
enum class Aside : std::uint8_t { host, archive, name, json };

/// Runs `work`, which may block, on a thread of its own; the I/O thread goes on meanwhile. To cancel the coroutine
/// neither stops the work nor shortens the wait. Throws what `work` throws.
Task<> aside(std::function<void()> work, Aside kind = Aside::host);

/// `a/../b` as `b`, `./a` and `/a` as `a`; `..` does not lead out.
std::string clean_path(std::string_view path);

}  // namespace broker
