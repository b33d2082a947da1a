#pragma once

#include <archive.h>
#include <lzma.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "rules/result.h"

namespace broker {

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

}  // namespace broker
