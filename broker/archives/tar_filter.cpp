#include "broker/archives/tar_filter.h"

#include <algorithm>
#include <charconv>

#include "broker/io/io.h"

namespace broker {
namespace {

constexpr std::size_t file_max = std::size_t{8} << 20;
constexpr std::size_t pax_max = std::size_t{1} << 20;

// Where a header has what (POSIX.1-2017, pax, "ustar Interchange Format").
constexpr std::size_t name_at = 0, name_size = 100;
constexpr std::size_t size_at = 124, size_size = 12;
constexpr std::size_t sum_at = 148, sum_size = 8;
constexpr std::size_t type_at = 156;
constexpr std::size_t prefix_at = 345, prefix_size = 155;

std::string_view text_at(std::string_view header, std::size_t at, std::size_t size)
{
    const std::string_view field = header.substr(at, size);
    return field.substr(0, std::min(field.find('\0'), field.size()));
}

std::uint64_t size_of(std::string_view header)
{
    const std::string_view field = header.substr(size_at, size_size);
    std::uint64_t size = 0;
    if (static_cast<unsigned char>(field[0]) & 0x80) {  // in binary, as GNU writes large ones
        for (const char c : field.substr(4)) size = size << 8 | static_cast<unsigned char>(c);
        return size;
    }
    const std::size_t first = field.find_first_not_of(' ');
    if (first != field.npos) std::from_chars(field.data() + first, field.data() + field.size(), size, 8);
    return size;
}

std::uint64_t padded(std::uint64_t size)
{
    return (size + 511) / 512 * 512;
}

/// The value of `key` among pax records (`<length> <key>=<value>\n`); nullopt when there is none.
std::optional<std::string> record(std::string_view records, std::string_view key)
{
    std::optional<std::string> value;
    while (!records.empty()) {
        std::size_t length = 0;
        const auto [end, error] = std::from_chars(records.data(), records.data() + records.size(), length);
        const std::size_t blank = static_cast<std::size_t>(end - records.data());
        if (error != std::errc() || length <= blank + 1 || length > records.size())
            throw EngineFailure("a tar has a broken pax header");
        const std::string_view text = records.substr(blank + 1, length - blank - 2);
        if (text.starts_with(key) && text.substr(key.size()).starts_with('=')) value = text.substr(key.size() + 1);
        records.remove_prefix(length);
    }
    return value;
}

/// `header` for a file of `size` bytes.
std::string resized(std::string header, std::uint64_t size)
{
    const auto write_octal = [&header](std::size_t at, std::size_t digits, std::uint64_t value) {
        for (std::size_t each = digits; each-- > 0; value >>= 3)
            header[at + each] = static_cast<char>('0' + (value & 7));
    };
    write_octal(size_at, size_size - 1, size);
    header[size_at + size_size - 1] = '\0';
    std::fill_n(header.begin() + sum_at, sum_size, ' ');
    std::uint64_t sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    write_octal(sum_at, sum_size - 2, sum);
    header[sum_at + sum_size - 2] = '\0';
    return header;
}

}  // namespace

const std::string& TarFilter::pass(std::string_view bytes)
{
    out_.clear();
    while (!bytes.empty()) {
        const std::uint64_t wanted = state_ == State::header    ? block_size - held_.size()
                                     : state_ == State::trailer ? bytes.size()
                                                                : left_;
        const std::string_view taken = bytes.substr(0, std::min<std::uint64_t>(wanted, bytes.size()));
        bytes.remove_prefix(taken.size());
        if (state_ == State::through || state_ == State::trailer) {
            out_ += taken;
            if (state_ == State::through && (left_ -= taken.size()) == 0) state_ = State::header;
            continue;
        }
        held_ += taken;
        if (state_ == State::header) {
            if (held_.size() == block_size) take_header();
        } else if ((left_ -= taken.size()) == 0) {
            if (state_ == State::pax)
                pax_ += held_;
            else
                replace();
            held_.clear();
            state_ = State::header;
        }
    }
    return out_;
}

void TarFilter::end() const
{
    if (state_ != State::trailer && (state_ != State::header || !held_.empty()))
        throw EngineFailure("a tar stops in the middle of an entry");
}

void TarFilter::take_header()
{
    const std::string header = std::exchange(held_, {});
    if (std::ranges::all_of(header, [](char c) { return c == '\0'; })) {
        out_ += header;
        state_ = State::trailer;
        return;
    }
    const char type = header[type_at];
    const std::string pax = std::exchange(pax_, {});
    const std::string_view records =
        std::string_view(pax).substr(std::min(pax.size(), block_size)).substr(0, pax.empty() ? 0 : size_of(pax));
    std::uint64_t size = size_of(header);
    if (type == 'x') {
        if (!pax.empty() || size > pax_max) throw EngineFailure("a tar has a pax header too many or too long");
        pax_ = header;
        left_ = padded(size);
        state_ = left_ > 0 ? State::pax : State::header;
        return;
    }
    if (const auto given = record(records, "size")) std::from_chars(given->data(), given->data() + given->size(), size);
    std::string name(text_at(header, name_at, name_size));
    if (const std::string_view prefix = text_at(header, prefix_at, prefix_size);
        !prefix.empty() && header.substr(257, 5) == "ustar")
        name = std::string(prefix) + "/" + name;
    if (const auto given = record(records, "path")) name = *given;

    const auto file = std::ranges::find(files_, name);
    const bool is_file = type == '0' || type == '\0';
    if (is_file && file != files_.end()) {
        if (size > file_max) throw EngineFailure("a tar's " + name + " is too long");
        header_ = header;
        name_ = *file;
        size_ = size;
        left_ = padded(size);
        state_ = State::replaced;
        if (left_ > 0) return;
        replace();
        state_ = State::header;
        return;
    }
    out_ += pax;
    out_ += header;
    left_ = padded(size);
    state_ = left_ > 0 ? State::through : State::header;
}

/// Writes the file that was read, with its new text and without the pax header, which had the old one's size.
void TarFilter::replace()
{
    const auto text = view_(name_, std::string_view(held_).substr(0, size_));
    if (!text) throw EngineFailure("a tar's " + std::string(name_) + " has an unknown shape");
    out_ += resized(header_, text->size());
    out_ += *text;
    out_.append(padded(text->size()) - text->size(), '\0');
}

}  // namespace broker
