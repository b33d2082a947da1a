#pragma once

#include <map>
#include <string>
#include <vector>

#include "broker/archives/archive.h"
#include "rules/build/image_archive.h"

// What `docker load` sends: read, judged, and written anew with nothing in it but what was judged.
namespace broker {

/// An image of an archive, all of whose layers are in it.
struct CarriedImage {
    std::string id;                   ///< `sha256:<64 hex>`
    std::string config;               ///< its text
    std::vector<std::string> layers;  ///< digests of the unpacked layers, lowest first
    std::vector<std::string> tags;    ///< as the job names them
};

struct CarriedImages {
    std::vector<CarriedImage> images;
    std::map<std::size_t, std::string> layer_entries;  ///< numbers of the entries that are layers, with their digests
};

/// Reads the images of the archive in `spool`. An image whose config names a layer that the archive does not carry is
/// refused (403): the engine would take the layer from where it has it, whosever it is. Blocks.
rules::Result<CarriedImages> read_images(const Spool& spool);

/// The archive for the engine: manifest.json with the tags `tags` of each image (the engine's), the configs, and each
/// layer once.
class ImagesWriter final : public ArchiveWriter {
public:
    ImagesWriter(const Spool& spool, const CarriedImages& carried, const std::vector<std::vector<std::string>>& tags);

private:
    bool step() override;

    ArchiveReader reader_;
    std::map<std::size_t, std::string> layers_;
    std::vector<std::pair<std::string, std::string>> files_;  ///< names and texts, still to be written
    std::size_t entry_ = 0;
    ArchiveBlock bytes_{};
    bool in_layer_ = false;
};

}  // namespace broker
