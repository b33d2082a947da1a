#include "broker/archives/unpacker.h"

#include <cerrno>
#include <utility>

namespace broker {
namespace {

constexpr std::uint64_t xz_memory_max = std::uint64_t{96} << 20;  ///< `xz -9` takes 65 MiB

}  // namespace

rules::Error error_of(const BrokenArchive& failure, const std::string& what)
{
    if (dynamic_cast<const ArchiveTooLarge*>(&failure))
        return rules::denied("limits.archive", "archive", failure.what(),
                             "send less: a .dockerignore keeps what a build does not need out of its context")
            .value();
    return {400, what + failure.what()};
}

Unpacker::Unpacker(Source source, std::uint64_t most) : source_(std::move(source)), most_(most)
{
    first_ = take();
    // As the engine tells them apart (moby's pkg/archive), and one only: what is packed twice is no tar to it.
    const auto begins = [this](std::string_view magic) { return first_.starts_with(magic); };
    const int code = begins("\x1f\x8b\x08")       ? ARCHIVE_FILTER_GZIP
                     : begins("BZh")              ? ARCHIVE_FILTER_BZIP2
                     : begins("\x28\xb5\x2f\xfd") ? ARCHIVE_FILTER_ZSTD
                                                  : 0;
    if (begins({"\xfd" "7zXZ\0", 6})) {
        xz_ = std::make_unique<lzma_stream>();
        if (::lzma_stream_decoder(xz_.get(), xz_memory_max, LZMA_CONCATENATED) != LZMA_OK) throw BrokenArchive("xz cannot be unpacked");
    } else if (code != 0) {
        filter_ = ::archive_read_new();
        archive_entry* entry = nullptr;
        ::archive_read_support_format_raw(filter_);
        ::archive_read_support_format_empty(filter_);
        if (::archive_read_append_filter(filter_, code) != ARCHIVE_OK ||
            ::archive_read_open(filter_, this, nullptr, &Unpacker::read, nullptr) != ARCHIVE_OK ||
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

}  // namespace broker
