#pragma once

#include <map>
#include <string>

#include "broker/engine/images.h"
#include "broker/io/lock.h"
#include "cleanup/collect.h"

namespace broker {

/// How large the host's cache may become, as the operator says it.
struct CacheConfig {
    std::string high = "85%", low = "75%";  ///< of the engine's file system, or sizes of all images of the cache
    std::vector<std::string> keep = {};     ///< patterns of names that are never collected
    std::string builds = {};                ///< size of the engine's own build cache; empty: left alone
};

/// The repository of results of builds that stay as a cache for builds: no registry answers to it, and no job can name it. In use as a name
/// (ImageCatalogue::Use) while a build may rest on them.
inline constexpr std::string_view built_images = "berth.cache/built";

/// The host's cache: remembers what jobs pull and use, and collects what is too much. An image that a job has is never in question: it is
/// held by a reference of the job's own. What the host has by itself is not touched.
class ImageCache final : public cleanup::ImageStore {
public:
    /// Throws std::runtime_error when `config` is none.
    ImageCache(Engine& engine, ImageCatalogue& images, db::Store& store, const CacheConfig& config);

    /// Notes which images were here before any job's, once.
    Task<> learn();

    /// The engine has `name`, and not from a pull of ours: it is not ours to move or to take away.
    Task<bool> is_of_host(std::string name);

    /// A pull that is under way. What is under the name before it, is remembered.
    class Pull {
    public:
        Pull(ImageCache& cache, std::string name);
        Pull(const Pull&) = delete;
        Pull& operator=(const Pull&) = delete;
        ~Pull();
        const std::string& name() const { return name_; }

    private:
        ImageCache& cache_;
        std::string name_;
    };
    Task<> begin(const Pull& pull);
    /// The name is now that of the image `id`, for a job under `profile`; empty when the profile keeps no cache.
    Task<> pulled(const Pull& pull, std::string id, std::string profile);
    /// No job may have what the name now stands for: the name goes, unless the host has it by itself.
    Task<> refused(const Pull& pull);

    /// The image (its id or a name) was used just now.
    void used(const std::string& what);

    /// Results of builds of jobs under `profile` that later builds may rest on. `keep_built` gives the image a name of ours.
    Task<std::vector<std::string>> built(std::string profile);
    Task<> keep_built(std::string id, std::string profile);

    /// Takes the public name `name` of `id` away, and the image when nothing else needs it, unless some profile keeps it. False when it stays.
    Task<bool> drop(std::string id, std::string name);

    /// Collects down to the watermarks, to the `caps` of profiles (bytes), and what no profile keeps. One at a time; nobody's reap waits.
    ///
    /// `{"high", "low", "images": [{"name", "id", "size", "used", "profile", "outcome", "why"}], "bytes", "freed", "returned",
    ///   "build_cache", "problem"}`
    Task<rules::Json> collect(std::map<std::string, std::int64_t> caps, bool dry_run);

    /// Something was pulled since the last collection, and there may be too much now.
    bool pressed();
    /// `{"images", "bytes", "looked"}` as the last collection found it; null before the first.
    const rules::Json& size() const { return size_; }

private:
    Task<rules::Result<std::vector<cleanup::Image>>> images() override;
    Task<rules::Result<std::set<std::string>>> used_by_containers() override;
    std::optional<cleanup::Fill> fill() override;
    Task<rules::Result<bool>> release(const std::string& name, const cleanup::Image& image, bool& busy) override;

    Task<rules::Result<rules::Json>> ask(EngineRequest request, Elements* elements = nullptr);
    /// Pulls that were broken off, by the client's going or by the end of the last process: what came of them is the cache's.
    Task<> adopt_cut_pulls();
    Task<rules::Json> trim_builds();

    /// Pulls under one name, and the image that had it before the first of them.
    struct UnderWay {
        int count = 0;
        std::string before = {};
    };

    Engine& engine_;
    ImageCatalogue& images_;
    db::Store& store_;
    cleanup::CacheLimits limits_;
    std::int64_t builds_max_ = 0;
    Lock collecting_;
    std::map<std::string, UnderWay> pulls_;         ///< by name
    std::map<std::string, Clock::time_point> uses_; ///< what was written down a moment ago
    bool changed_ = false;
    rules::Json size_;
};

}  // namespace broker
