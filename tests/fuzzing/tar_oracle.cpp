#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <vector>

#include "broker/archives/build_context.h"
#include "broker/archives/image_archive.h"
#include "broker/archives/tar_filter.h"
#include "broker/io/io.h"
#include "tests/fuzzing/target.h"

// Archives as libarchive reads them from memory, beside how we do. What was judged has to be what the engine's reader (Go's archive/tar), or
// the client's, will find: two readers must not see different archives. So whatever we let through or write is one to libarchive, with the
// entries that we have seen and no other. What we refuse is no finding.
namespace fuzz {
namespace {

using broker::Spool;

struct Entry {
    std::string name, link;  ///< link: `-> x` a symbolic one, `=> x` a hard one
    mode_t type = 0;
    la_int64_t size = 0;
    std::string data;

    bool is_file() const { return type == S_IFREG && link.empty(); }
    std::string path() const { return broker::clean_path(name); }
    bool operator==(const Entry&) const = default;
};
using Entries = std::vector<Entry>;

Entry entry_of(archive_entry* entry)
{
    const auto text = [](const char* each) { return std::string(each ? each : ""); };
    Entry out{text(::archive_entry_pathname(entry)), {}, ::archive_entry_filetype(entry), ::archive_entry_size(entry), {}};
    if (const char* target = ::archive_entry_symlink(entry)) out.link = "-> " + text(target);
    if (const char* target = ::archive_entry_hardlink(entry)) {
        out.link = "=> " + text(target);
        out.type = 0;  // a hard link has that of its target; libarchive says what bits happen to stand in the mode
    }
    if (out.type == S_IFDIR && out.name.ends_with('/')) out.name.pop_back();  // libarchive writes one behind each directory
    return out;
}

constexpr std::size_t unpacked_max = std::size_t{4} << 20;

/// The entries of an archive; nullopt when libarchive does not read it to its end.
std::optional<Entries> by_libarchive(std::string_view bytes)
{
    const broker::RawNames names;
    archive* reader = ::archive_read_new();
    ::archive_read_support_filter_gzip(reader);
    ::archive_read_support_filter_bzip2(reader);
    ::archive_read_support_filter_xz(reader);
    ::archive_read_support_filter_zstd(reader);
    ::archive_read_support_format_tar(reader);
    Entries entries;
    int result = ::archive_read_open_memory(reader, bytes.data(), bytes.size());
    std::array<char, 4096> block{};
    for (archive_entry* entry = nullptr; result >= ARCHIVE_WARN && (result = ::archive_read_next_header(reader, &entry)) != ARCHIVE_EOF;) {
        if (result < ARCHIVE_WARN) break;
        Entry& each = entries.emplace_back(entry_of(entry));
        la_ssize_t size = 0;
        while ((size = ::archive_read_data(reader, block.data(), block.size())) > 0 && each.data.size() <= 2 * unpacked_max)
            each.data.append(block.data(), static_cast<std::size_t>(size));
        if (size != 0) result = ARCHIVE_FATAL;
        // A hole at the end of a file is left to whoever reads it.
        const std::size_t whole = static_cast<std::size_t>(std::clamp<la_int64_t>(each.size, 0, 2 * unpacked_max));
        if (each.data.size() < whole) each.data.resize(whole);
    }
    ::archive_read_free(reader);
    if (result != ARCHIVE_EOF) return std::nullopt;
    return entries;
}

/// The same by the reader of what clients send.
std::optional<Entries> by_us(const Spool& spool)
try {
    const broker::RawNames names;
    broker::ArchiveReader reader(spool);
    broker::ArchiveBlock block;
    Entries entries;
    while (archive_entry* entry = reader.next()) {
        Entry& each = entries.emplace_back(entry_of(entry));
        while (const std::size_t size = reader.data(block)) each.data.append(block.data(), size);
    }
    return entries;
} catch (const broker::BrokenArchive&) {
    return std::nullopt;
}

std::string text_of(const Entries& entries)
{
    std::string text;
    for (const Entry& each : entries)
        text += each.name + " " + each.link + " " + std::to_string(each.type) + " " + std::to_string(each.size) + " of " +
                std::to_string(each.data.size()) + "\n  ";
    return text;
}

void must_be(const std::optional<Entries>& found, const Entries& wanted, std::string_view property)
{
    must(found.has_value(), property, "libarchive does not read it");
    must(*found == wanted, property, text_of(*found), text_of(wanted));
}

/// `input` with right sums in what could be headers: nearly every change of one would be refused for its sum, and for nothing else.
std::string with_sums(std::string_view input)
{
    std::string tar(input);
    for (std::size_t at = 0; at + 512 <= tar.size(); at += 512) {
        if (tar.compare(at + 257, 5, "ustar") != 0) continue;
        tar.replace(at + 148, 8, 8, ' ');
        unsigned sum = 0;
        for (std::size_t each = at; each < at + 512; ++each) sum += static_cast<unsigned char>(tar[each]);
        std::snprintf(tar.data() + at + 148, 8, "%06o", sum & 0777777U);
    }
    return tar;
}

/// A directory, as it stands in a tar.
std::string first_entry()
{
    std::string header(512, '\0');
    header[0] = 'd';
    header[156] = '5';
    header.replace(257, 8, std::string_view("ustar\0" "00", 8));
    return with_sums(header);
}

std::string written(broker::ArchiveWriter&& writer)
{
    std::string all;
    for (;;) {
        const std::string& piece = writer.next();
        if (piece.empty()) return all;
        all += piece;
    }
}

/// What the engine gets: libarchive finds the entries `wanted` in it, and so does TarFilter, which reads as Go does and takes nothing from
/// libarchive. It is asked for each path that only files have; what it is too strict for is no finding.
void must_hold(std::string_view tar, const Entries& wanted)
{
    // libarchive knows a tar by its first header, in which it takes no numbers like some that it writes for devices.
    std::string behind = first_entry();
    std::optional<Entries> entries = by_libarchive(behind.append(tar));
    if (entries && !entries->empty()) entries->erase(entries->begin());
    must_be(entries, wanted, "the entries of what the engine gets");
    std::set<std::string> paths, others;
    for (const Entry& each : wanted) (each.is_file() && each.path().size() <= 100 ? paths : others).insert(each.path());
    for (const std::string& each : others) paths.erase(each);
    std::vector<std::string> texts, found;
    for (const Entry& each : wanted)
        if (paths.contains(each.path())) texts.push_back(each.path() + ":" + each.data);
    try {
        broker::TarFilter filter({paths.begin(), paths.end()}, [&](std::string_view file, std::string_view text) {
            found.push_back(std::string(file) + ":" + std::string(text));
            return std::string(text);
        });
        filter.pass(tar);
        filter.end();
    } catch (const broker::EngineFailure&) {
        return;
    }
    must(found == texts, "a second reader finds the same files", std::to_string(found.size()), std::to_string(texts.size()));
}

Entry file_of(std::string name, std::string data)
{
    return {std::move(name), {}, S_IFREG, static_cast<la_int64_t>(data.size()), std::move(data)};
}

/// The entries of the context are libarchive's, and the engine gets just them, but for those at the Dockerfile's path: last the one that was judged.
void context_oracle(std::string_view input)
{
    const std::string sent = taken(input) % 2 ? std::string(input) : with_sums(input);
    std::uint64_t together = 0;
    Spool spool(together);
    spool.append(sent);
    spool.unpacked_max = unpacked_max;
    const std::optional<Entries> ours = by_us(spool);
    if (!ours) return;
    must_be(by_libarchive(sent), *ours, "the entries of an archive");

    const auto found = broker::find_dockerfile(spool, "");
    if (!found) return;
    const auto last = std::find_if(ours->rbegin(), ours->rend(), [&](const Entry& each) { return each.path() == found->path; });
    must(last != ours->rend() && last->is_file() && last->data == found->text, "the last Dockerfile is judged", found->path, found->text);
    const bool first_choice = std::ranges::any_of(*ours, [](const Entry& each) { return each.path() == "Dockerfile"; });
    must(first_choice == (found->path == "Dockerfile"), "and the name that comes first", found->path);

    Entries wanted;
    for (Entry each : *ours) {
        if (each.path() == found->path) continue;
        if (!each.is_file()) each.size = 0, each.data.clear();
        wanted.push_back(std::move(each));
    }
    wanted.push_back(file_of(found->path, found->text));
    std::string tar;
    try {
        tar = written(broker::ContextWriter(spool, *found));
    } catch (const broker::BrokenArchive&) {
        return;
    }
    must_hold(tar, wanted);
}

std::string hex_of(std::string_view digest)
{
    return std::string(digest.substr(digest.find(':') + 1));
}

/// The engine gets the configs and the layers that were judged, byte by byte, what the manifest says of them, and nothing else.
void images_oracle(std::string_view input)
{
    const std::string sent = taken(input) % 2 ? std::string(input) : with_sums(input);
    std::uint64_t together = 0;
    Spool spool(together);
    spool.append(sent);
    spool.unpacked_max = unpacked_max;
    const auto carried = broker::read_images(spool);
    if (!carried) return;
    const std::optional<Entries> entries = by_libarchive(sent);
    must(entries.has_value(), "an archive that we read is one to libarchive");

    rules::Json manifest = rules::Json::array();
    Entries wanted;
    std::vector<std::vector<std::string>> tags;
    for (const broker::CarriedImage& each : carried->images) {
        tags.push_back(each.tags);
        const Entry config = file_of(hex_of(each.id) + ".json", each.config);
        if (std::ranges::find(wanted, config) == wanted.end()) wanted.insert(wanted.begin(), config);
        manifest.push_back({{"Config", hex_of(each.id) + ".json"}, {"RepoTags", each.tags}, {"Layers", rules::Json::array()}});
        for (const std::string& layer : each.layers) manifest.back()["Layers"].push_back(hex_of(layer) + "/layer.tar");
    }
    wanted.insert(wanted.begin(), file_of("manifest.json", manifest.dump()));
    std::set<std::string> layers;
    for (const auto& [number, digest] : carried->layer_entries) {
        must(number < entries->size() && (*entries)[number].is_file(), "a layer is a file", digest);
        if (layers.insert(digest).second) wanted.push_back(file_of(hex_of(digest) + "/layer.tar", (*entries)[number].data));
    }
    std::string tar;
    try {
        tar = written(broker::ImagesWriter(spool, *carried, tags));
    } catch (const broker::BrokenArchive&) {
        return;
    }
    must_hold(tar, wanted);
}

constexpr std::string_view hidden = "manifest.json", shown = "what may be seen";

/// The tar of the engine has the entries that libarchive finds, before and after, but for the text of the file that is shown anew.
void filter_oracle(std::string_view input)
{
    const std::string sent = taken(input) % 2 ? std::string(input) : with_sums(input);
    if (sent.empty()) return;  // no entries; libarchive needs a block to know a tar
    std::vector<std::string> seen;
    std::string tar;
    try {
        broker::TarFilter filter({hidden}, [&](std::string_view, std::string_view text) { return seen.emplace_back(text), std::string(shown); });
        tar = filter.pass(sent);
        filter.end();
    } catch (const broker::EngineFailure&) {
        return;
    }
    std::optional<Entries> wanted = by_libarchive(sent);
    must(wanted.has_value(), "a tar that we pass on is one to libarchive");
    std::vector<std::string> there;
    for (Entry& each : *wanted) {
        if (each.path() != hidden) continue;
        must(each.is_file(), "what we show anew is a file", each.link);
        there.push_back(each.data);
        each.name = hidden;
        each.data = shown;
        each.size = static_cast<la_int64_t>(shown.size());
    }
    must(seen == there, "we find the files that libarchive finds", std::to_string(seen.size()), std::to_string(there.size()));
    must_be(by_libarchive(tar), *wanted, "the entries that go on");
}

constexpr Target targets[] = {{"context_oracle", context_oracle}, {"images_oracle", images_oracle}, {"filter_oracle", filter_oracle}};

}  // namespace

std::span<const Target> tar_oracle_targets()
{
    return targets;
}

}  // namespace fuzz
