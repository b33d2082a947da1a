#include "broker/archives/image_archive.h"

#include <archive_entry.h>
#include <nettle/sha2.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

namespace broker {
namespace {

using rules::Json;
using rules::Result;

constexpr std::size_t manifest_max = std::size_t{2} << 20;
constexpr std::size_t config_max = std::size_t{1} << 20;
constexpr std::size_t configs_max = std::size_t{16} << 20;  ///< of all images together
constexpr std::size_t links_max = 10'000;
constexpr std::size_t links_bytes_max = std::size_t{4} << 20;  ///< of their names: a pax header has room for long ones
constexpr std::size_t link_depth_max = 16;

const std::string unloadable = "the archive cannot be loaded: ";

rules::Error broken(const std::string& why)
{
    return {400, unloadable + why};
}

/// SHA-256 as the engine writes digests.
class Digest {
public:
    Digest() { ::sha256_init(&state_); }
    void add(std::string_view bytes)
    {
        ::sha256_update(&state_, bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()));
    }
    std::string text()
    {
        std::array<std::uint8_t, SHA256_DIGEST_SIZE> raw{};
        ::sha256_digest(&state_, raw.size(), raw.data());
        std::string out = "sha256:";
        for (const std::uint8_t byte : raw) {
            out += "0123456789abcdef"[byte >> 4];
            out += "0123456789abcdef"[byte & 15];
        }
        return out;
    }

private:
    ::sha256_ctx state_{};
};

/// The digest of a layer as it is unpacked: the data of the entry that `reader` is at, through the engine's filters. `unpacked`: bytes of
/// all layers so far.
std::string digest_of_layer(ArchiveReader& reader, std::uint64_t most, std::uint64_t& unpacked)
{
    Unpacker layer([&reader](ArchiveBlock& into) { return reader.data(into); }, most - unpacked);
    Digest digest;
    for (std::string_view piece = layer.next(); !piece.empty(); piece = layer.next()) digest.add(piece);
    unpacked += layer.size();
    return digest.text();
}

/// The data of the entry that `reader` is at; nullopt when it is longer than `most`.
std::optional<std::string> text_of(ArchiveReader& reader, std::size_t most)
{
    std::string text;
    ArchiveBlock bytes{};
    while (const std::size_t size = reader.data(bytes)) {
        text.append(bytes.data(), size);
        if (text.size() > most) return std::nullopt;
    }
    return text;
}

/// What the archive says of itself: its manifest, and which entry is last at each path. Engines before 25 write a layer
/// that they have written already as a link to it.
struct Contents {
    std::optional<std::string> manifest;
    std::map<std::string, std::string> links;

    /// Where the file at `path` is.
    std::string resolved(std::string path) const
    {
        for (std::size_t depth = 0; depth < link_depth_max; ++depth) {
            const auto link = links.find(path);
            if (link == links.end()) return path;
            path = link->second;
        }
        return {};
    }
};

std::string directory_of(const std::string& path)
{
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? std::string() : path.substr(0, slash + 1);
}

Contents contents_of(const Spool& spool)
{
    Contents contents;
    std::size_t bytes = 0;
    ArchiveReader reader(spool);
    while (archive_entry* entry = reader.next()) {
        const std::string path = clean_path(::archive_entry_pathname(entry));
        contents.links.erase(path);
        if (const char* target = ::archive_entry_symlink(entry))
            contents.links[path] = clean_path(*target == '/' ? target : directory_of(path) + target);
        else if (const char* same = ::archive_entry_hardlink(entry))
            contents.links[path] = clean_path(same);
        else if (path == "manifest.json" && is_file(entry)) {
            contents.manifest = text_of(reader, manifest_max);
            if (!contents.manifest) throw BrokenArchive("manifest.json is too long");
        }
        if (const auto link = contents.links.find(path); link != contents.links.end()) bytes += path.size() + link->second.size();
        if (contents.links.size() > links_max || bytes > links_bytes_max) throw BrokenArchive("it has too many links");
    }
    return contents;
}

/// The files that the manifest names, as the archive carries them.
struct Carried {
    std::map<std::string, std::string> configs;                         ///< path → text
    std::map<std::string, std::pair<std::size_t, std::string>> layers;  ///< path → number of the entry, digest
};

Carried carried_of(const Spool& spool, const std::set<std::string>& configs, const std::set<std::string>& layers)
{
    Carried carried;
    ArchiveReader reader(spool);
    std::uint64_t unpacked = 0;
    std::size_t all_configs = 0;
    for (std::size_t number = 0; archive_entry* entry = reader.next(); ++number) {
        const std::string path = clean_path(::archive_entry_pathname(entry));
        carried.configs.erase(path);
        carried.layers.erase(path);  // the last of a path is what the engine reads
        if (!is_file(entry)) continue;
        if (configs.contains(path)) {
            auto text = text_of(reader, config_max);
            if (!text || (all_configs += text->size()) > configs_max)
                throw BrokenArchive("the config " + path + " is too long");
            carried.configs[path] = *std::move(text);
        } else if (layers.contains(path)) {
            carried.layers[path] = {number, digest_of_layer(reader, spool.unpacked_max, unpacked)};
        }
    }
    return carried;
}

Result<CarriedImages> judged(const Contents& contents, const std::vector<rules::ArchivedImage>& listed,
                             const Carried& carried)
{
    CarriedImages out;
    for (const rules::ArchivedImage& image : listed) {
        const auto config = carried.configs.find(contents.resolved(clean_path(image.config)));
        if (config == carried.configs.end()) return tl::unexpected(broken("it has no file " + image.config));
        Result<std::vector<std::string>> digests = rules::layers_of_config(config->second);
        if (!digests) return tl::unexpected(digests.error());
        if (digests->size() != image.layers.size())
            return tl::unexpected(broken("invalid manifest, layers length mismatch: expected " +
                                         std::to_string(digests->size()) + ", got " +
                                         std::to_string(image.layers.size())));
        for (std::size_t at = 0; at < digests->size(); ++at) {
            const auto layer = carried.layers.find(contents.resolved(clean_path(image.layers[at])));
            if (layer == carried.layers.end() || layer->second.second != (*digests)[at])
                return rules::denied(
                    "carried-layers", "Layers", image.layers[at],
                    "the archive does not carry this layer of the image; load one that `docker save` wrote whole");
            out.layer_entries.emplace(layer->second.first, layer->second.second);
        }
        Digest id;
        id.add(config->second);
        out.images.push_back({id.text(), config->second, *std::move(digests), image.tags});
    }
    return out;
}

std::string hex_of(const std::string& digest)
{
    return digest.substr(digest.find(':') + 1);
}

std::string layer_path(const std::string& digest)
{
    return hex_of(digest) + "/layer.tar";
}

struct FreeEntry {
    void operator()(archive_entry* each) const { ::archive_entry_free(each); }
};

std::unique_ptr<archive_entry, FreeEntry> entry_of(const std::string& path)
{
    std::unique_ptr<archive_entry, FreeEntry> entry(::archive_entry_new());
    ::archive_entry_set_pathname(entry.get(), path.c_str());
    ::archive_entry_set_filetype(entry.get(), AE_IFREG);
    ::archive_entry_set_perm(entry.get(), 0644);
    return entry;
}

}  // namespace

Result<CarriedImages> read_images(const Spool& spool)
{
    const RawNames names;
    try {
        const Contents contents = contents_of(spool);
        if (!contents.manifest)
            return tl::unexpected(broken(
                "it has no manifest.json, as `docker save` writes it (skopeo: docker-archive:, not oci-archive:)"));
        const Result<std::vector<rules::ArchivedImage>> listed = rules::archived_images(*contents.manifest);
        if (!listed) return tl::unexpected(listed.error());
        std::set<std::string> configs, layers;
        for (const rules::ArchivedImage& image : *listed) {
            configs.insert(contents.resolved(clean_path(image.config)));
            for (const std::string& layer : image.layers) layers.insert(contents.resolved(clean_path(layer)));
        }
        return judged(contents, *listed, carried_of(spool, configs, layers));
    } catch (const BrokenArchive& failure) {
        return tl::unexpected(error_of(failure, unloadable));
    }
}

ImagesWriter::ImagesWriter(const Spool& spool, const CarriedImages& carried,
                           const std::vector<std::vector<std::string>>& tags)
    : reader_(spool), layers_(carried.layer_entries)
{
    // A layer that stands twice in the archive goes to the engine once.
    std::set<std::string> seen;
    std::erase_if(layers_, [&seen](const auto& each) { return !seen.insert(each.second).second; });
    Json manifest = Json::array();
    std::set<std::string> configs;
    for (std::size_t at = 0; at < carried.images.size(); ++at) {
        const CarriedImage& image = carried.images[at];
        Json layers = Json::array();
        for (const std::string& each : image.layers) layers.push_back(layer_path(each));
        const std::string config = hex_of(image.id) + ".json";
        manifest.push_back({{"Config", config}, {"RepoTags", tags[at]}, {"Layers", std::move(layers)}});
        if (configs.insert(config).second) files_.emplace_back(config, image.config);
    }
    files_.emplace_back("manifest.json", manifest.dump());
}

bool ImagesWriter::step()
{
    if (in_layer_) {
        const std::size_t size = reader_.data(bytes_);
        in_layer_ = size > 0;
        data({bytes_.data(), size});
        return true;
    }
    if (!files_.empty()) {
        file(entry_of(files_.back().first).get(), files_.back().second);
        files_.pop_back();
        return true;
    }
    while (archive_entry* entry = reader_.next()) {
        const auto layer = layers_.find(entry_++);
        if (layer == layers_.end()) continue;
        const auto written = entry_of(layer_path(layer->second));
        ::archive_entry_set_size(written.get(), ::archive_entry_size(entry));
        begin(written.get());
        in_layer_ = true;
        return true;
    }
    return false;
}

}  // namespace broker
