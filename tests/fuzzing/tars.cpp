#include <archive_entry.h>

#include <vector>

#include "broker/archives/build_context.h"
#include "broker/archives/image_archive.h"
#include "broker/archives/tar_filter.h"
#include "broker/io/io.h"
#include "tests/fuzzing/target.h"

namespace fuzz {
namespace {

using broker::ArchiveBlock;
using broker::ArchiveReader;
using broker::Spool;

std::string written(broker::ArchiveWriter&& writer)
{
    std::string all;
    for (;;) {
        const std::string& piece = writer.next();
        if (piece.empty()) return all;
        all += piece;
        if (all.size() > 64 << 20) return {};
    }
}

struct Entry {
    std::string path;
    bool file = false;
    std::string data;
};

std::vector<Entry> entries_of(const Spool& spool)
{
    const broker::RawNames names;
    std::vector<Entry> entries;
    ArchiveReader reader(spool);
    ArchiveBlock block;
    while (archive_entry* entry = reader.next()) {
        const char* path = ::archive_entry_pathname(entry);
        Entry& each = entries.emplace_back(broker::clean_path(path ? path : ""), broker::is_file(entry));
        while (const std::size_t size = reader.data(block)) each.data.append(block.data(), size);
    }
    return entries;
}

/// A build context is written anew with the Dockerfile that was read as its last entry and nowhere else, and reads as itself.
void context(std::string_view input)
{
    std::uint64_t together = 0;
    Spool spool(together);
    spool.append(input);
    const auto found = broker::find_dockerfile(spool, "");
    if (!found) return;
    std::string ours;
    try {
        ours = written(broker::ContextWriter(spool, *found));
    } catch (const broker::BrokenArchive&) {
        return;  // it broke off: 400
    }
    Spool sent(together);
    sent.append(ours);
    const std::vector<Entry> entries = entries_of(sent);
    must(!entries.empty() && entries.back().path == found->path && entries.back().file && entries.back().data == found->text,
         "the Dockerfile that was judged comes last");
    std::size_t there = 0;
    for (const Entry& each : entries) there += each.path == found->path;
    must(there == 1, "and once");
    const auto again = broker::find_dockerfile(sent, "");
    must(again && again->path == found->path && again->text == found->text, "a context that is written anew has the same Dockerfile");
    must(written(broker::ContextWriter(sent, *again)) == ours, "a rewrite is idempotent");
}

/// An archive of images is written anew with what was judged, and nothing else.
void image_archive(std::string_view input)
{
    std::uint64_t together = 0;
    Spool spool(together);
    spool.append(input);
    const auto carried = broker::read_images(spool);
    if (!carried) return;
    std::vector<std::vector<std::string>> tags;
    for (const broker::CarriedImage& each : carried->images) tags.push_back(each.tags);
    std::string ours;
    try {
        ours = written(broker::ImagesWriter(spool, *carried, tags));
    } catch (const broker::BrokenArchive&) {
        return;
    }
    Spool sent(together);
    sent.append(ours);
    const auto again = broker::read_images(sent);
    must(again.has_value(), "an archive that we write is one that we read", again ? "" : again.error().message);
    must(again->images.size() == carried->images.size(), "as many images as were judged");
    for (std::size_t at = 0; at < carried->images.size(); ++at) {
        const broker::CarriedImage &before = carried->images[at], &after = again->images[at];
        must(before.id == after.id && before.config == after.config && before.layers == after.layers && before.tags == after.tags,
             "the images that were judged");
    }
}

struct Filtered {
    std::string out;
    bool whole = false;
};

Filtered filtered(std::string_view input, std::size_t piece)
{
    Filtered all;
    broker::TarFilter filter({"manifest.json", "repositories"}, [](std::string_view, std::string_view text) -> std::optional<std::string> {
        if (text.size() > 4096) return std::nullopt;
        return "shown";
    });
    try {
        for (std::size_t at = 0; at < input.size(); at += piece) all.out += filter.pass(input.substr(at, piece));
        filter.end();
        all.whole = true;
    } catch (const broker::EngineFailure&) {
    }
    return all;
}

/// The engine's tar means the same however it arrives, and what is hidden in it is gone.
void tar_filter(std::string_view input)
{
    const std::size_t piece = 1 + taken(input) * 7U;
    const Filtered whole = filtered(input, input.size() + 1), pieces = filtered(input, piece);
    must(whole.whole == pieces.whole, "a tar does not depend on how it arrives");
    if (!whole.whole) return;
    must(whole.out == pieces.out, "nor does what goes on");
    must(filtered(whole.out, whole.out.size() + 1).out == whole.out, "a rewrite is idempotent");
}

constexpr Target targets[] = {{"context", context}, {"image_archive", image_archive}, {"tar_filter", tar_filter}};

}  // namespace

std::span<const Target> tar_targets()
{
    return targets;
}

}  // namespace fuzz
