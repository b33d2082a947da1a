#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cleanup/engine.h"

// The host's cache: what jobs pulled stays on the engine under its public names, until there is too much of it.
namespace cleanup {

/// An image as the engine lists it.
struct Image {
    std::string id, parent;
    std::vector<std::string> names;  ///< tags and digests, public ones and jobs'
    std::int64_t size = 0;           ///< with all that it shares
};

/// Of the file system on which the engine keeps its data.
struct Fill {
    std::int64_t bytes = 0, bytes_used = 0;
    std::int64_t inodes = 0, inodes_used = 0;
};

/// What the collector needs of the engine and no more: the broker implements it, tests fake it.
class ImageStore {
public:
    virtual ~ImageStore() = default;

    virtual Task<rules::Result<std::vector<Image>>> images() = 0;
    /// The images of all containers, in whatever state.
    virtual Task<rules::Result<std::set<std::string>>> used_by_containers() = 0;
    /// nullopt where it cannot be seen.
    virtual std::optional<Fill> fill() = 0;
    /// Takes `name` from its image, and with the last one the image, unless something uses it: that is an error. False when there was
    /// no such name, or it is another image's by now. `busy` is set, and nothing done, when a job is pulling under one of the image's names:
    /// nobody is waited for.
    virtual Task<rules::Result<bool>> release(const std::string& name, const Image& image, bool& busy) = 0;
};

/// A watermark: of the engine's file system in per cent, bytes and inodes alike; or of all images of the cache together, in bytes.
struct Level {
    enum class Of : std::uint8_t { file_system, images };
    Of of = Of::file_system;
    std::int64_t value = 0;

    bool operator==(const Level&) const = default;
};
/// `80%`, `20GiB`; 400 otherwise.
rules::Result<Level> parse_level(std::string_view text);
std::string to_string(const Level& level);
/// Whether the file system is fuller than `level`, in bytes or in inodes.
bool is_over(const Fill& fill, const Level& level);

struct CacheLimits {
    Level high, low;                          ///< what is over `high` is collected down to `low`
    std::vector<std::string> pins;            ///< patterns of names that stay: `alpine`, `ghcr.io/us/**`, `*:stable`
    std::map<std::string, std::int64_t> caps; ///< bytes, by profile: of what only jobs of this profile used last
};

/// What became, or would become, of one image.
struct Judged {
    Image image;
    std::string profile;  ///< whose cache it is in; empty: nobody's
    db::Seconds used = 0;
    bool goes = false;
    bool gone = false;
    std::string why;
};

/// What may go of `images`, least recently used first and children before parents, and what must stay, each with its reason. An image was
/// used when one that grew from it was. `goes` means: may.
std::vector<Judged> judge(const std::vector<Image>& images, const std::vector<db::Cached>& rows, const std::set<std::string>& of_host,
                          const std::set<std::string>& of_containers, const std::vector<std::string>& pins);

struct Collected {
    std::vector<Judged> images;     ///< all of the cache; none of the host's own
    std::int64_t bytes = 0;         ///< of the whole cache before, as the engine lists sizes: what images share counts in each
    std::int64_t freed = 0;         ///< of what went, or would go
    std::optional<std::int64_t> returned;  ///< by which the file system has more free space than before; nullopt: not seen
    std::string problem;            ///< why less was done than asked for
};

/// Collects the cache down to its limits. With `dry_run` it only says what would go.
Task<rules::Result<Collected>> collect(ImageStore& engine, db::Store& store, const CacheLimits& limits, bool dry_run);

}  // namespace cleanup
