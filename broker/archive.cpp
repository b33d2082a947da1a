#include "broker/archive.h"

#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace broker {
namespace {

constexpr std::size_t piece_size = 256 * 1024;

/// Threads for what blocks; they belong to the event loop, which waits for them before it is destroyed.
class Threads : public asio::execution_context::service {
public:
    using key_type = Threads;
    static inline asio::execution_context::id id;

    explicit Threads(asio::execution_context& owner) : service(owner) {}
    void shutdown() override
    {
        pool_.stop();
        pool_.join();
    }
    asio::thread_pool& pool() { return pool_; }

private:
    asio::thread_pool pool_{2};
};

[[noreturn]] void fail()
{
    throw SpoolFailure(errno, std::generic_category(), "cannot keep an archive");
}

std::filesystem::path spool_directory()
{
    const char* given = std::getenv("TMPDIR");
    return given && *given ? given : "/var/tmp";
}

locale_t utf8()
{
    static const locale_t made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return made;
}

}  // namespace

Utf8Names::Utf8Names() : before_(::uselocale(utf8())) {}

Utf8Names::~Utf8Names()
{
    ::uselocale(before_);
}

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

ArchiveReader::ArchiveReader(const Spool& spool)
    : archive_(::archive_read_new()), file_(spool.file()), end_(spool.size())
{
    ::archive_read_support_format_tar(archive_);
    // Those that the engine unpacks, and only where the library itself can: not with the help of a program.
    ::archive_read_support_filter_gzip(archive_);
    ::archive_read_support_filter_bzip2(archive_);
    ::archive_read_support_filter_xz(archive_);
    ::archive_read_support_filter_zstd(archive_);
    ::archive_read_set_read_callback(archive_, &ArchiveReader::read);
    ::archive_read_set_skip_callback(archive_, &ArchiveReader::skip);
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
    const int result = ::archive_read_next_header(archive_, &entry);
    if (result == ARCHIVE_EOF) return nullptr;
    check(result);
    const char* name = ::archive_entry_pathname(entry);
    if (!name || !*name) throw BrokenArchive("an entry has no readable name");
    return entry;
}

std::size_t ArchiveReader::data(ArchiveBlock& into)
{
    const la_ssize_t size = ::archive_read_data(archive_, into.data(), into.size());
    if (size < 0) check(static_cast<int>(size));
    return static_cast<std::size_t>(size);
}

std::uint64_t ArchiveReader::expanded() const
{
    return static_cast<std::uint64_t>(::archive_filter_bytes(archive_, 0));
}

la_ssize_t ArchiveReader::read(archive* archive, void* self, const void** bytes)
{
    auto& reader = *static_cast<ArchiveReader*>(self);
    const ssize_t size =
        ::pread(reader.file_, reader.buffer_.data(), reader.buffer_.size(), static_cast<off_t>(reader.offset_));
    if (size < 0) {
        ::archive_set_error(archive, errno, "%s", std::strerror(errno));
        return -1;
    }
    reader.offset_ += static_cast<std::uint64_t>(size);
    *bytes = reader.buffer_.data();
    return size;
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
    ::archive_write_free(out_);
}

const std::string& ArchiveWriter::next()
{
    const Utf8Names names;
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

Task<> aside(std::function<void()> work)
{
    const Executor executor = co_await asio::this_coro::executor;
    auto& pool = asio::use_service<Threads>(asio::query(executor, asio::execution::context)).pool();
    const auto start = [&pool, &work, executor](auto handler) {
        asio::post(pool, [work = std::move(work), guard = asio::make_work_guard(executor),
                          handler = std::move(handler)]() mutable {
            std::exception_ptr error;
            try {
                work();
            } catch (...) {
                error = std::current_exception();
            }
            asio::post(guard.get_executor(),
                       [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(std::exception_ptr)>(start, use_task);
}

}  // namespace broker
