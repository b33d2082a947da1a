#include "broker/archives/archive.h"

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
constexpr std::uint64_t xz_memory_max = std::uint64_t{96} << 20;  ///< `xz -9` takes 65 MiB
constexpr std::uint64_t header_max = std::uint64_t{2} << 20;    ///< of one entry: names, attributes, the map of a sparse file

/// Threads for what blocks; they belong to the event loop, which waits for them before it is destroyed.
class Threads : public asio::execution_context::service {
public:
    using key_type = Threads;
    static inline asio::execution_context::id id;

    explicit Threads(asio::execution_context& owner) : service(owner) {}
    void shutdown() override
    {
        for (asio::thread_pool* each : {&host_, &archives_, &names_, &json_}) each->stop();
        for (asio::thread_pool* each : {&host_, &archives_, &names_, &json_}) each->join();
    }
    asio::thread_pool& pool(Aside kind)
    {
        switch (kind) {
            case Aside::host: return host_;
            case Aside::archive: return archives_;
            case Aside::name: return names_;
            case Aside::json: return json_;
        }
        std::abort();
    }

private:
    asio::thread_pool host_{2};
    asio::thread_pool archives_{4};  // a job reads one archive at a time (Job::unpacking)
    asio::thread_pool names_{4};     // a job looks one name up at a time (Resolver)
    asio::thread_pool json_{1};
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

rules::Error error_of(const BrokenArchive& failure, const std::string& what)
{
    if (dynamic_cast<const ArchiveTooLarge*>(&failure))
        return rules::denied("limits.archive", "archive", failure.what(), "send less: a .dockerignore keeps what a build does not need out of its context").value();
    return {400, what + failure.what(), {}, {}, {}};
}

Unpacker::Unpacker(Source source, std::uint64_t most) : source_(std::move(source)), most_(most)
{
    first_ = take();
    // As the engine tells them apart (moby's pkg/archive), and one only: what is packed twice is no tar to it.
    const auto begins = [this](std::string_view magic) { return first_.starts_with(magic); };
    const int code = begins("\x1f\x8b\x08") ? ARCHIVE_FILTER_GZIP : begins("BZh") ? ARCHIVE_FILTER_BZIP2 : begins("\x28\xb5\x2f\xfd") ? ARCHIVE_FILTER_ZSTD : 0;
    if (begins({"\xfd" "7zXZ\0", 6})) {
        xz_ = std::make_unique<lzma_stream>();
        if (::lzma_stream_decoder(xz_.get(), xz_memory_max, LZMA_CONCATENATED) != LZMA_OK) throw BrokenArchive("xz cannot be unpacked");
    } else if (code != 0) {
        filter_ = ::archive_read_new();
        archive_entry* entry = nullptr;
        ::archive_read_support_format_raw(filter_);
        ::archive_read_support_format_empty(filter_);
        if (::archive_read_append_filter(filter_, code) != ARCHIVE_OK || ::archive_read_open(filter_, this, nullptr, &Unpacker::read, nullptr) != ARCHIVE_OK ||
            ::archive_read_next_header(filter_, &entry) < ARCHIVE_WARN) {
            const char* text = ::archive_error_string(filter_);
            const std::string why = text ? text : "it cannot be unpacked";
            ::archive_read_free(filter_);
            throw BrokenArchive(why);
        }
    }
}

Unpacker::~Unpacker()
{
    if (filter_) ::archive_read_free(filter_);
    if (xz_) ::lzma_end(xz_.get());
}

std::string_view Unpacker::take()
{
    if (!first_.empty()) return std::exchange(first_, {});
    return {sent_.data(), source_(sent_)};
}

la_ssize_t Unpacker::read(archive* archive, void* self, const void** bytes)
{
    try {
        const std::string_view piece = static_cast<Unpacker*>(self)->take();
        *bytes = piece.data();
        return static_cast<la_ssize_t>(piece.size());
    } catch (const BrokenArchive& failure) {
        ::archive_set_error(archive, EINVAL, "%s", failure.what());
        return -1;
    }
}

std::string_view Unpacker::unpacked_by_filter()
{
    const la_ssize_t size = ::archive_read_data(filter_, unpacked_.data(), unpacked_.size());
    if (size < 0) {
        const char* text = ::archive_error_string(filter_);
        throw BrokenArchive(text ? text : "it cannot be unpacked");
    }
    return {unpacked_.data(), static_cast<std::size_t>(size)};
}

std::string_view Unpacker::unpacked_by_lzma()
{
    lzma_stream& xz = *xz_;
    xz.next_out = reinterpret_cast<std::uint8_t*>(unpacked_.data());
    xz.avail_out = unpacked_.size();
    bool last = false;
    while (!xz_ended_ && xz.avail_out > 0) {
        if (xz.avail_in == 0 && !last) {
            const std::string_view piece = take();
            last = piece.empty();
            xz.next_in = reinterpret_cast<const std::uint8_t*>(piece.data());
            xz.avail_in = piece.size();
        }
        const lzma_ret result = ::lzma_code(&xz, last ? LZMA_FINISH : LZMA_RUN);
        xz_ended_ = result == LZMA_STREAM_END;
        if (result == LZMA_MEMLIMIT_ERROR) throw BrokenArchive("to unpack it takes more memory than what xz -9 packs");
        if (result != LZMA_OK && !xz_ended_) throw BrokenArchive("the xz stream is broken, or cut short");
    }
    return {unpacked_.data(), unpacked_.size() - xz.avail_out};
}

std::string_view Unpacker::next()
{
    const std::string_view piece = xz_ ? unpacked_by_lzma() : filter_ ? unpacked_by_filter() : take();
    size_ += piece.size();
    if (size_ > most_) throw ArchiveTooLarge();
    return piece;
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
    // A hole takes no byte of the archive, and its place where it is unpacked.
    given_ += static_cast<std::uint64_t>(std::max<la_int64_t>(0, ::archive_entry_size(entry)));
    if (given_ > most_) throw ArchiveTooLarge();
    return entry;
}

std::size_t ArchiveReader::data(ArchiveBlock& into)
{
    const la_ssize_t size = ::archive_read_data(archive_, into.data(), into.size());
    if (size < 0) check(static_cast<int>(size));
    return static_cast<std::size_t>(size);
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
    if (!done_) ::archive_write_fail(out_);  // else it would fill up the entry that it is at, however large that was to be
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

Task<> aside(std::function<void()> work, Aside kind)
{
    const Executor executor = co_await asio::this_coro::executor;
    auto& pool = asio::use_service<Threads>(asio::query(executor, asio::execution::context)).pool(kind);
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
