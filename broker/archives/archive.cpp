#include "broker/archives/archive.h"

#include <archive_entry.h>
#include <locale.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace broker {
namespace {

constexpr std::size_t piece_size = 256 * 1024;
constexpr std::uint64_t header_max = std::uint64_t{2} << 20;    ///< of one entry: names, attributes, the map of a sparse file

locale_t plain()
{
    static const locale_t made = ::newlocale(LC_CTYPE_MASK, "C", nullptr);
    return made;
}

/// The engine cannot make such a link; written anew a hard one would be an empty file.
bool is_link_to_nothing(archive_entry* entry)
{
    if (const char* target = ::archive_entry_hardlink(entry)) return !*target;
    const char* target = ::archive_entry_symlink(entry);
    return ::archive_entry_filetype(entry) == AE_IFLNK && (!target || !*target);
}

}  // namespace

RawNames::RawNames() : before_(::uselocale(plain())) {}

RawNames::~RawNames()
{
    ::uselocale(before_);
}

ArchiveReader::ArchiveReader(const Spool& spool)
    : archive_(nullptr),
      file_(spool.file()),
      end_(spool.size()),
      most_(spool.unpacked_max),
      unpacker_(
          [this](ArchiveBlock& into) {
              const ssize_t size = ::pread(file_, into.data(), into.size(), static_cast<off_t>(offset_));
              if (size < 0) throw BrokenArchive(std::strerror(errno));
              offset_ += static_cast<std::uint64_t>(size);
              return static_cast<std::size_t>(size);
          },
          most_)
{
    archive_ = ::archive_read_new();
    ::archive_read_support_format_tar(archive_);
    ::archive_read_set_read_callback(archive_, &ArchiveReader::read);
    if (!unpacker_.packed()) ::archive_read_set_skip_callback(archive_, &ArchiveReader::skip);
    ::archive_read_set_callback_data(archive_, this);
    try {
        check(::archive_read_open1(archive_));
    } catch (...) {
        ::archive_read_free(archive_);
        throw;
    }
}

ArchiveReader::~ArchiveReader()
{
    ::archive_read_free(archive_);
}

archive_entry* ArchiveReader::next()
{
    archive_entry* entry = nullptr;
    // What is left of the entry before is no part of the next one's header.
    if (std::exchange(begun_, true)) check(::archive_read_data_skip(archive_));
    header_from_ = unpacker_.size();
    const int result = ::archive_read_next_header(archive_, &entry);
    header_from_ = UINT64_MAX;
    if (result == ARCHIVE_EOF) return nullptr;
    check(result);
    const char* name = ::archive_entry_pathname(entry);
    if (!name || !*name) throw BrokenArchive("an entry has no readable name");
    if (is_link_to_nothing(entry)) throw BrokenArchive("a link has no target");
    // A hole takes no byte of the archive, and its place where it is unpacked.
    left_ = static_cast<std::uint64_t>(std::max<la_int64_t>(0, ::archive_entry_size(entry)));
    data_ended_ = false;
    given_ += left_;
    if (given_ > most_) throw ArchiveTooLarge();
    return entry;
}

std::size_t ArchiveReader::data(ArchiveBlock& into)
{
    std::size_t given = 0;
    if (!data_ended_) {
        const la_ssize_t size = ::archive_read_data(archive_, into.data(), into.size());
        if (size < 0) check(static_cast<int>(size));
        given = static_cast<std::size_t>(std::max<la_ssize_t>(size, 0));
        data_ended_ = given == 0;
    }
    // libarchive gives nothing of a file that is one hole; its writer would fill that up, all of it in one piece.
    if (data_ended_) {
        given = static_cast<std::size_t>(std::min<std::uint64_t>(left_, into.size()));
        std::fill_n(into.begin(), given, '\0');
    }
    left_ -= std::min<std::uint64_t>(left_, given);
    return given;
}

la_ssize_t ArchiveReader::read(archive* archive, void* self, const void** bytes)
{
    auto& reader = *static_cast<ArchiveReader*>(self);
    try {
        const std::string_view piece = reader.unpacker_.next();
        if (reader.header_from_ < reader.unpacker_.size() && reader.unpacker_.size() - reader.header_from_ > header_max)
            throw BrokenArchive("the header of an entry is too long");
        *bytes = piece.data();
        return static_cast<la_ssize_t>(piece.size());
    } catch (const BrokenArchive& failure) {
        reader.failure_ = std::current_exception();
        ::archive_set_error(archive, EINVAL, "%s", failure.what());
        return -1;
    }
}

/// Fewer than asked at the file's end: what is missing there must not go unnoticed.
la_int64_t ArchiveReader::skip(archive*, void* self, la_int64_t size)
{
    auto& reader = *static_cast<ArchiveReader*>(self);
    const std::uint64_t left = reader.end_ - std::min(reader.offset_, reader.end_);
    const std::uint64_t skipped = std::min(static_cast<std::uint64_t>(size), left);
    reader.offset_ += skipped;
    return static_cast<la_int64_t>(skipped);
}

void ArchiveReader::check(int result)
{
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
    // libarchive takes a failure of ours amid an entry for the end of the input, and says so.
    if (failure_) std::rethrow_exception(failure_);
    const char* text = ::archive_error_string(archive_);
    throw BrokenArchive(text ? text : "the archive cannot be read");
}

ArchiveWriter::ArchiveWriter() : out_(::archive_write_new())
{
    const auto write = [](archive*, void* self, const void* bytes, std::size_t size) {
        static_cast<ArchiveWriter*>(self)->piece_.append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
    };
    ::archive_write_set_format_pax(out_);
    ::archive_write_add_filter_none(out_);
    ::archive_write_set_bytes_per_block(out_, 0);
    ::archive_write_open(out_, this, nullptr, write, nullptr);
}

ArchiveWriter::~ArchiveWriter()
{
    if (!done_) {
        ::archive_write_fail(out_);   // else it would fill up the entry that it is at, however large that was to be
        ::archive_write_close(out_);  // and after a failure archive_write_free does not free all
    }
    ::archive_write_free(out_);
}

const std::string& ArchiveWriter::next()
{
    const RawNames names;
    piece_.clear();
    while (!done_ && piece_.size() < piece_size) {
        if (step()) continue;
        check(::archive_write_close(out_));
        done_ = true;
    }
    return piece_;
}

void ArchiveWriter::begin(archive_entry* entry)
{
    check(::archive_write_header(out_, entry));
}

void ArchiveWriter::data(std::string_view bytes)
{
    if (::archive_write_data(out_, bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size()))
        throw BrokenArchive("an entry cannot be written whole");
}

void ArchiveWriter::file(archive_entry* entry, std::string_view text)
{
    ::archive_entry_sparse_clear(entry);
    ::archive_entry_set_size(entry, static_cast<la_int64_t>(text.size()));
    begin(entry);
    data(text);
}

void ArchiveWriter::check(int result)
{
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) throw BrokenArchive(::archive_error_string(out_));
}

bool is_file(archive_entry* entry)
{
    return ::archive_entry_filetype(entry) == AE_IFREG && !::archive_entry_hardlink(entry) &&
           !::archive_entry_symlink(entry);
}

std::string clean_path(std::string_view path)
{
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (part == "..") {
            if (!parts.empty()) parts.pop_back();
        } else if (!part.empty() && part != ".") {
            parts.push_back(part);
        }
    }
    std::string clean;
    for (const std::string_view part : parts) clean.append(clean.empty() ? "" : "/").append(part);
    return clean;
}

}  // namespace broker
