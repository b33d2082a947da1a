#include "broker/engine/image_cache.h"

#include <ctime>
#include <filesystem>

#include "broker/engine/redaction.h"
#include "broker/io/log.h"
#include "rules/api/until.h"
#include "rules/units.h"

namespace broker {
namespace {

using rules::Json;
using rules::Op;
using rules::Result;

constexpr auto use_interval = 1s;  ///< as fine as the ledger counts
constexpr std::size_t uses_max = 10'000;

cleanup::Level level_of(const std::string& text)
{
    const auto level = cleanup::parse_level(text);
    if (!level) throw std::runtime_error(level.error().message);
    return *level;
}

}  // namespace

ImageCache::ImageCache(Engine& engine, ImageCatalogue& images, db::Store& store, const CacheConfig& config)
    : engine_(engine), images_(images), store_(store), limits_{level_of(config.high), level_of(config.low), config.keep, {}}
{
    if (limits_.high.of != limits_.low.of || limits_.high.value < limits_.low.value)
        throw std::runtime_error("the low watermark of the cache (" + config.low + ") is not below the high one (" + config.high +
                                 "), or not of the same kind");
    if (config.builds.empty()) return;
    const auto size = rules::parse_size(config.builds);
    if (!size) throw std::runtime_error("not a size for the build cache: " + config.builds);
    builds_max_ = *size;
}

Task<> ImageCache::learn()
{
    const bool known = co_await store_.read<bool>([](db::Ledger& ledger) { return ledger.host_images().has_value(); });
    if (known) co_return;
    const Result<std::vector<cleanup::Image>> there = co_await images();
    if (!there) throw EngineFailure("image list: " + there.error().message);
    std::set<std::string> ids;
    for (const cleanup::Image& each : *there) ids.insert(each.id);
    co_await store_.write([ids](db::Ledger& ledger) { ledger.add_host_images(ids, std::time(nullptr)); });
}

Task<> ImageCache::adopt_cut_pulls()
{
    const auto rows = co_await store_.read<std::vector<db::Cached>>([](db::Ledger& ledger) { return ledger.cached(); });
    for (const db::Cached& row : rows) {
        if (!row.image.empty() || pulls_.contains(row.name)) continue;
        std::optional<Json> image;
        bool is_readable = true;
        try {
            image = co_await images_.inspect(row.name);
        } catch (const UnreadableAnswer&) {
            is_readable = false;
        }
        if (!is_readable) co_await images_.untag(row.name);  // no job may have it
        const std::string id = image ? image->value("Id", "") : std::string();
        // A tag that was set by hand since is the host's.
        const std::string tagged = image ? image->value(Json::json_pointer("/Metadata/LastTagTime"), "") : std::string();
        const bool of_host = row.name.find('@') == row.name.npos && rules::parse_date(tagged).value_or(0) >= row.used;
        co_await store_.write([row, id, of_host](db::Ledger& ledger) {
            ledger.end_pull(row.name);
            if (!id.empty() && !of_host) ledger.put({id, row.name, row.profile, row.used});
        });
    }
}

ImageCache::Pull::Pull(ImageCache& cache, std::string name) : cache_(cache), name_(std::move(name))
{
    ++cache_.pulls_[name_].count;
}

ImageCache::Pull::~Pull()
{
    const auto found = cache_.pulls_.find(name_);
    if (--found->second.count == 0) cache_.pulls_.erase(found);
}

Task<bool> ImageCache::is_of_host(std::string name)
{
    const auto image = co_await images_.inspect(name);
    if (!image || pulls_.contains(name)) co_return false;
    const std::string id = image->value("Id", "");
    co_return !co_await store_.read<bool>([id, name](db::Ledger& ledger) { return ledger.is_cached(id, name); });
}

Task<> ImageCache::begin(const Pull& pull)
{
    const std::string& name = pull.name();
    if (pulls_[name].count == 1) {
        const auto before = co_await images_.inspect(name);
        if (before) pulls_[name].before = before->value("Id", "");
    }
    const std::string before = pulls_[name].before;
    co_await store_.write([name, before](db::Ledger& ledger) {
        if (before.empty() || ledger.is_cached(before, name)) ledger.put({{}, name, {}, std::time(nullptr)});
    });
}

Task<> ImageCache::pulled(const Pull& pull, std::string id, std::string profile)
{
    changed_ = true;
    const UnderWay under_way = pulls_[pull.name()];
    const db::Cached row{std::move(id), pull.name(), std::move(profile), std::time(nullptr)};
    const bool by_digest = row.name.find('@') != row.name.npos;
    bool traceless = false;
    co_await store_.write([row, under_way, by_digest, &traceless](db::Ledger& ledger) {
        if (under_way.count == 1) ledger.end_pull(row.name);
        const bool name_of_host = !under_way.before.empty() && !ledger.is_cached(under_way.before, row.name);
        traceless = by_digest && under_way.before.empty() && ledger.is_host_image(row.image);
        if (name_of_host) ledger.add_host_images({under_way.before, row.image}, row.used);
        if (!name_of_host && !traceless) ledger.put(row);
    });
    // The host's own image gets no further digest by this: the job has it by a reference of its own.
    if (traceless && under_way.count == 1) co_await images_.untag(row.name);
}

Task<> ImageCache::refused(const Pull& pull)
{
    const std::string name = pull.name(), before = pulls_[name].before;
    bool of_host = false;
    co_await store_.write([&](db::Ledger& ledger) {
        of_host = !before.empty() && !ledger.is_cached(before, name);
        ledger.end_pull(name);
    });
    if (!of_host) co_await images_.untag(name);
}

void ImageCache::used(const std::string& what)
{
    const auto now = Clock::now();
    if (const auto last = uses_.find(what); last != uses_.end() && now - last->second < use_interval) return;
    if (uses_.size() >= uses_max) uses_.clear();
    uses_[what] = now;
    store_.enqueue([what](db::Ledger& ledger) { ledger.touch_cached(what, std::time(nullptr)); });
}

Task<std::vector<std::string>> ImageCache::built(std::string profile)
{
    const auto rows = co_await store_.read<std::vector<db::Cached>>([](db::Ledger& ledger) { return ledger.cached(); });
    std::vector<std::string> ids;
    for (const db::Cached& row : rows)
        if (row.profile == profile && row.name.starts_with(built_images)) ids.push_back(row.image);
    co_return ids;
}

Task<> ImageCache::keep_built(std::string id, std::string profile)
{
    const std::string name = std::string(built_images) + ":" + id.substr(id.find(':') + 1);
    const db::Cached row{id, name, std::move(profile), std::time(nullptr)};
    co_await store_.write([row](db::Ledger& ledger) { ledger.put(row); });  // before the name is there: what is not recorded stays for ever
    const Answer answer = co_await images_.tag(id, name);
    if (!answer.ok()) log::warn("a built image is not kept", {{"image", id}, {"error", redactor().engine_error(answer.message())}});
}

Task<bool> ImageCache::drop(std::string id, std::string name)
{
    const bool unkept = co_await store_.read<bool>([id, name](db::Ledger& ledger) { return ledger.is_unkept(id, name); });
    if (!unkept) co_return false;
    bool busy = false;
    cleanup::Image image;
    image.id = id;
    const Result<bool> released = co_await release(name, image, busy);
    if (busy || !released) co_return false;
    store_.enqueue([id, name](db::Ledger& ledger) { ledger.uncache(id, name); });
    co_return true;
}

}  // namespace broker
