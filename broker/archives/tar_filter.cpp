#include "broker/archives/tar_filter.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "broker/archives/archive.h"
#include "broker/io/io.h"

namespace broker {
namespace {

constexpr std::size_t file_max = std::size_t{8} << 20;
constexpr std::uint64_t entry_max = std::uint64_t{1} << 60;
constexpr std::size_t pax_max = std::size_t{512} << 10;  ///< of all records: some readers read over one of 1 MB

// Where a header has what (POSIX.1-2017, pax, "ustar Interchange Format").
constexpr std::size_t name_at = 0, name_size = 100;
constexpr std::size_t size_at = 124, size_size = 12;
constexpr std::size_t sum_at = 148, sum_size = 8;
constexpr std::pair<std::size_t, std::size_t> other_numbers[] = {{100, 8}, {108, 8}, {116, 8}, {136, 12}, {329, 8}, {337, 8}};
constexpr std::size_t type_at = 156;
constexpr std::size_t magic_at = 257;
constexpr std::size_t prefix_at = 345, prefix_size = 155;
constexpr std::size_t padding_at = 500;
constexpr std::string_view ustar_magic("ustar\0" "00", 8);

std::string_view text_at(std::string_view header, std::size_t at, std::size_t size)
{
    const std::string_view field = header.substr(at, size);
    return field.substr(0, std::min(field.find('\0'), field.size()));
}

/// A number that all readers take for the same one: octal digits or none, blanks and NULs behind them.
std::uint64_t number_at(std::string_view header, std::size_t at, std::size_t size)
{
    const std::string_view field = header.substr(at, size);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number, 8);
    const std::string_view rest = field.substr(static_cast<std::size_t>(end - field.data()));
    if (error == std::errc::result_out_of_range || rest.find_first_not_of(std::string_view("\0 ", 2)) != rest.npos)
        throw EngineFailure("a tar has a broken number");
    return number;
}

std::uint64_t size_of(std::string_view header)
{
    return number_at(header, size_at, size_size);
}

std::uint64_t sum_of(std::string header)
{
    std::fill_n(header.begin() + sum_at, sum_size, ' ');
    std::uint64_t sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    return sum;
}

/// Of other forms than Go writes, one reader sees another archive than the next: old headers, star's, GNU's long names, sparse files and
/// numbers, headers for all entries, contiguous files.
void check_form(const std::string& header)
{
    const bool known = std::string_view("0123456x").find(header[type_at]) != std::string_view::npos;
    const bool ends = header.find_first_not_of('\0', padding_at) == header.npos;
    if (header.compare(magic_at, ustar_magic.size(), ustar_magic) != 0 || !known || !ends || number_at(header, sum_at, sum_size) != sum_of(header))
        throw EngineFailure("a tar has an unknown header");
    for (const auto& [at, size] : other_numbers) static_cast<void>(number_at(header, at, size));
}

std::uint64_t padded(std::uint64_t size)
{
    return (size + 511) / 512 * 512;
}

/// What pax records (`<length> <key>=<value>\n`) say of an entry.
struct Records {
    std::optional<std::string> path;
    std::optional<std::uint64_t> size;
};

void add_record(Records& into, std::string_view key, std::string_view value)
{
    // By these an entry has another name, size or content to the readers who know them.
    bool broken = key.starts_with("GNU.sparse.") || key == "SCHILY.realsize" || key == "SUN.holesdata";
    // Without a value some readers take what the header has, and some end a name at a NUL.
    if (key == "path" || key == "linkpath" || key == "size") broken = value.empty() || value.find('\0') != value.npos;
    if (key == "path") into.path = value;
    if (key == "size") {
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), into.size.emplace());
        broken = broken || error != std::errc() || end != value.data() + value.size() || *into.size > entry_max;
    }
    if (broken) throw EngineFailure("a tar has an unknown pax record");
}

Records records_of(std::string_view text)
{
    Records records;
    while (!text.empty()) {
        std::size_t length = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
        const std::size_t begin = static_cast<std::size_t>(end - text.data()) + 1;
        if (error != std::errc() || length <= begin || length > text.size() || *end != ' ' || text[length - 1] != '\n')
            throw EngineFailure("a tar has a broken pax header");
        const std::string_view record = text.substr(begin, length - begin - 1);
        const std::size_t equals = record.find('=');
        if (equals == 0 || equals == record.npos) throw EngineFailure("a tar has a broken pax header");
        add_record(records, record.substr(0, equals), record.substr(equals + 1));
        text.remove_prefix(length);
    }
    return records;
}

/// `header` for a file `name` of `size` bytes.
std::string rewritten(std::string header, std::string_view name, std::uint64_t size)
{
    const auto write_octal = [&header](std::size_t at, std::size_t digits, std::uint64_t value) {
        for (std::size_t each = digits; each-- > 0; value >>= 3)
            header[at + each] = static_cast<char>('0' + (value & 7));
        header[at + digits] = '\0';
    };
    std::fill_n(header.begin() + name_at, name_size, '\0');
    std::fill_n(header.begin() + prefix_at, prefix_size, '\0');
    std::ranges::copy(name, header.begin() + name_at);
    write_octal(size_at, size_size - 1, size);
    write_octal(sum_at, sum_size - 2, sum_of(header));
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
        if (state_ == State::trailer && taken.find_first_not_of('\0') != taken.npos)
            throw EngineFailure("a tar goes on behind its end");
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
    if (state_ != State::trailer && (state_ != State::header || !held_.empty() || !pax_.empty()))
        throw EngineFailure("a tar stops in the middle of an entry");
}

void TarFilter::take_header()
{
    const std::string header = std::exchange(held_, {});
    const std::string pax = std::exchange(pax_, {});
    if (header.find_first_not_of('\0') == header.npos) {
        if (!pax.empty()) throw EngineFailure("a tar has a pax header of no entry");
        out_ += header;
        state_ = State::trailer;
        return;
    }
    check_form(header);
    const char type = header[type_at];
    std::uint64_t size = size_of(header);
    if (type == 'x') {
        if (!pax.empty() || size > pax_max) throw EngineFailure("a tar has a pax header too many or too long");
        pax_ = header;
        left_ = padded(size);
        state_ = left_ > 0 ? State::pax : State::header;
        return;
    }
    const Records records = pax.empty() ? Records() : records_of(std::string_view(pax).substr(block_size, size_of(pax)));
    size = records.size.value_or(size);
    std::string name(text_at(header, name_at, name_size));
    if (const std::string_view prefix = text_at(header, prefix_at, prefix_size); !prefix.empty()) name = std::string(prefix) + "/" + name;
    name = records.path.value_or(name);
    // A file with the name of a directory is one or the other, and what is no file has data or none.
    if (type == '0' ? name.ends_with('/') : size > 0) throw EngineFailure("a tar has an entry of two meanings");

    const auto file = std::ranges::find(files_, clean_path(name));
    if (file != files_.end()) {
        if (type != '0' || size > file_max) throw EngineFailure("a tar's " + name + " is no file, or too long");
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

/// Writes the file that was read, with its new text and without the pax header, which had the old one's size, and maybe the name.
void TarFilter::replace()
{
    const auto text = view_(name_, std::string_view(held_).substr(0, size_));
    if (!text) throw EngineFailure("a tar's " + std::string(name_) + " has an unknown shape");
    out_ += rewritten(header_, name_, text->size());
    out_ += *text;
    out_.append(padded(text->size()) - text->size(), '\0');
}

}  // namespace broker
