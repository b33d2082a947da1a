#include "cleanup/collect.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <tuple>

#include "rules/glob.h"
#include "rules/names/names.h"
#include "rules/names/reference.h"
#include "rules/units.h"

namespace cleanup {
namespace {

using rules::Result;

/// The repository of a name: what is before its tag or digest.
std::string repository_of(const std::string& name)
{
    if (const std::size_t at = name.find('@'); at != name.npos) return name.substr(0, at);
    const std::size_t colon = name.rfind(':');
    return colon == name.npos || name.find('/', colon) != name.npos ? name : name.substr(0, colon);
}

/// The pattern speaks of the repository or of the whole name, as people write it or in full.
bool is_pinned(const std::string& pattern, const std::string& name)
{
    const auto reference = rules::parse_reference(name);
    const std::string familiar = repository_of(name);
    const std::string full = reference ? reference->domain + "/" + reference->path : familiar;
    const std::string rest = name.substr(familiar.size());
    return std::ranges::any_of(std::array{familiar, name, full, full + rest}, [&](const std::string& each) { return rules::matches(pattern, each); });
}

/// What the ledger knows of one image.
struct Known {
    std::set<std::string> names;
    std::string profile;
    db::Seconds used = 0;
};

std::map<std::string, Known> by_image(const std::vector<db::Cached>& rows)
{
    std::map<std::string, Known> known;
    for (const db::Cached& row : rows) {
        if (row.image.empty()) continue;
        Known& each = known[row.image];
        each.names.insert(row.name);
        if (row.used >= each.used && !row.profile.empty()) each.profile = row.profile;
        each.used = std::max(each.used, row.used);
    }
    return known;
}

/// A name that jobs' pulls do not explain: somebody else wants the image.
std::string foreign_name(const Image& image, const Known& known)
{
    std::set<std::string> repositories;
    for (const std::string& name : known.names) repositories.insert(repository_of(name));
    for (const std::string& name : image.names) {
        const bool explained = known.names.contains(name) || (name.find('@') != name.npos && repositories.contains(repository_of(name)));
        if (!explained) return name;
    }
    return {};
}

/// Why an image of the cache must stay; empty when nothing speaks against its going.
std::string obstacle(const Image& image, const Known& known, const std::set<std::string>& of_host, const std::set<std::string>& of_containers,
                     const std::vector<std::string>& pins)
{
    for (const std::string& name : image.names)
        if (rules::key_of(name)) return "a job has it";
    if (of_containers.contains(image.id)) return "a container uses it";
    if (of_host.contains(image.id)) return "it was here before jobs pulled it";
    std::set<std::string> names = known.names;
    names.insert(image.names.begin(), image.names.end());
    for (const std::string& pin : pins)
        if (std::ranges::any_of(names, [&](const std::string& name) { return is_pinned(pin, name); })) return "pinned by " + pin;
    if (const std::string name = foreign_name(image, known); !name.empty()) return "the host has it as " + name;
    return {};
}

/// One collection under way.
class Collection {
public:
    Collection(ImageStore& engine, db::Store& store, const CacheLimits& limits, bool dry_run)
        : engine_(engine), store_(store), limits_(limits), dry_run_(dry_run)
    {
    }

    Task<Result<Collected>> run()
    {
        const db::Seconds started = std::time(nullptr);
        std::vector<db::Cached> rows;
        std::set<std::string> of_host;
        co_await store_.write([&](db::Ledger& ledger) {
            rows = ledger.cached();
            of_host = ledger.host_images().value_or(std::set<std::string>());
        });
        const Result<std::vector<Image>> images = co_await engine_.images();
        if (!images) co_return tl::unexpected(images.error());
        const Result<std::set<std::string>> of_containers = co_await engine_.used_by_containers();
        if (!of_containers) co_return tl::unexpected(of_containers.error());
        forget_gone(*images, rows, of_host, started);

        collected_.images = judge(*images, rows, of_host, *of_containers, limits_.pins);
        for (const Judged& each : collected_.images) total_ += each.image.size;
        collected_.bytes = total_;
        fill_ = engine_.fill();
        const std::optional<Fill> before = fill_;
        co_await collect();
        if (before && !dry_run_ && collected_.freed > 0)
            if (const auto now = engine_.fill()) collected_.returned = before->bytes_used - now->bytes_used;
        co_return std::move(collected_);
    }

private:
    /// Rows of what is not on the engine any more. Younger ones may be of images that came after the list.
    void forget_gone(const std::vector<Image>& images, const std::vector<db::Cached>& rows, const std::set<std::string>& of_host, db::Seconds started)
    {
        if (dry_run_) return;
        std::set<std::string> there;
        for (const Image& each : images) there.insert(each.id);
        for (const db::Cached& row : rows)
            if (!row.image.empty() && row.used < started && !there.contains(row.image))
                store_.enqueue([row](db::Ledger& ledger) { ledger.uncache(row.image, row.name); });
        for (const std::string& id : of_host)
            if (!there.contains(id)) store_.enqueue([id](db::Ledger& ledger) { ledger.remove_host_image(id); });
    }

    Task<void> collect()
    {
        const bool over_high = is_over(limits_.high);
        std::map<std::string, std::int64_t> held;  // by profile
        for (const Judged& each : collected_.images) held[each.profile] += each.image.size;
        for (Judged& each : collected_.images) {
            if (!each.goes) continue;
            const auto cap = limits_.caps.find(each.profile);
            if (each.profile.empty())
                each.why = "no profile keeps it";
            else if (cap != limits_.caps.end() && cap->second > 0 && held[each.profile] > cap->second)
                each.why = "the cache of profile " + each.profile + " is over " + rules::size_text(cap->second);
            else if (over_high && is_over(limits_.low))
                each.why = "over " + to_string(limits_.high) + ", down to " + to_string(limits_.low);
            else {
                each.goes = false;
                each.why = "there is room";
                continue;
            }
            if (!co_await let_go(each)) continue;
            held[each.profile] -= each.image.size;
            total_ -= each.image.size;
            collected_.freed += each.image.size;
            fill_ = dry_run_ ? less(fill_, each.image.size) : engine_.fill();
        }
        if (over_high && is_over(limits_.low))
            collected_.problem = "still over " + to_string(limits_.low) + ": what is left is in use, or not of the cache";
    }

    /// False when something came in between.
    Task<bool> let_go(Judged& each)
    {
        const auto leans_on_it = [&](const Judged& other) { return other.image.parent == each.image.id && !other.gone; };
        if (std::ranges::any_of(collected_.images, leans_on_it)) {
            keep(each, "an image grew from it");
            co_return false;
        }
        if (!dry_run_) {
            const std::string id = each.image.id;
            std::vector<std::string> names = each.image.names;
            if (names.empty()) names.push_back(id);
            // Tags first: digests of a repository go with its last tag.
            std::ranges::sort(names, {}, [](const std::string& name) { return std::pair(name.find('@') != name.npos, name); });
            for (const std::string& name : names) {
                bool busy = false;
                const Result<bool> released = co_await engine_.release(name, each.image, busy);
                if (busy) keep(each, "a job is pulling it");
                if (!busy && !released) keep(each, released.error().message);
                if (busy || !released) co_return false;
                // At once: the next job that pulls it under this name has a row of its own.
                store_.enqueue([id, name](db::Ledger& ledger) { ledger.uncache(id, name); });
            }
        }
        each.gone = true;
        co_return true;
    }

    static void keep(Judged& each, std::string why)
    {
        each.goes = false;
        each.why = std::move(why);
    }

    /// As it would be with so much less.
    static std::optional<Fill> less(std::optional<Fill> fill, std::int64_t bytes)
    {
        if (fill) fill->bytes_used = std::max<std::int64_t>(0, fill->bytes_used - bytes);
        return fill;
    }

    bool is_over(const Level& level)
    {
        if (level.of == Level::Of::images) return total_ > level.value;
        if (!fill_) {
            collected_.problem = "the engine's data root cannot be seen from here: per cent of it say nothing, give a size";
            return false;
        }
        return cleanup::is_over(*fill_, level);
    }

    ImageStore& engine_;
    db::Store& store_;
    const CacheLimits& limits_;
    const bool dry_run_;
    Collected collected_;
    std::optional<Fill> fill_;
    std::int64_t total_ = 0;
};

}  // namespace

Result<Level> parse_level(std::string_view text)
{
    if (text.ends_with('%')) {
        const std::string_view digits = text.substr(0, text.size() - 1);
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error == std::errc{} && end == digits.data() + digits.size() && value >= 0 && value <= 100) return Level{Level::Of::file_system, value};
    } else if (const auto size = rules::parse_size(text)) {
        return Level{Level::Of::images, *size};
    }
    return rules::bad_request("not a watermark: " + std::string(text) +
                              "; give a part of the engine's file system, as 80%, or a size of all images of the cache, as 20GiB");
}

std::string to_string(const Level& level)
{
    return level.of == Level::Of::file_system ? std::to_string(level.value) + "%" : rules::size_text(level.value);
}

bool is_over(const Fill& fill, const Level& level)
{
    const auto over = [&](std::int64_t used, std::int64_t all) {
        return all > 0 && static_cast<double>(used) * 100 > static_cast<double>(all) * static_cast<double>(level.value);
    };
    return over(fill.bytes_used, fill.bytes) || over(fill.inodes_used, fill.inodes);
}

std::vector<Judged> judge(const std::vector<Image>& images, const std::vector<db::Cached>& rows, const std::set<std::string>& of_host,
                          const std::set<std::string>& of_containers, const std::vector<std::string>& pins)
{
    const std::map<std::string, Known> known = by_image(rows);
    std::map<std::string, const Image*> by_id;
    for (const Image& each : images) by_id[each.id] = &each;

    // Who uses a child uses what it grew from; what must stay keeps that too.
    std::map<std::string, db::Seconds> used;
    std::map<std::string, std::string> kept;
    std::map<std::string, int> depth;
    for (const Image& image : images) {
        const auto row = known.find(image.id);
        const bool cached = row != known.end();
        const db::Seconds stamp = cached ? row->second.used : 0;
        const bool stays = !cached || !obstacle(image, row->second, of_host, of_containers, pins).empty();
        int height = 0;
        std::string at = image.parent;
        for (; by_id.contains(at) && height < 1000; at = by_id[at]->parent) {
            ++height;
            used[at] = std::max(used[at], stamp);
            if (stays) kept[at] = "an image grew from it";
        }
        depth[image.id] = height;
    }

    std::vector<Judged> judged;
    for (const Image& image : images) {
        const auto row = known.find(image.id);
        if (row == known.end()) continue;
        const db::Seconds last_used = std::max(row->second.used, used[image.id]);
        Judged each{image, row->second.profile, last_used, false, false, obstacle(image, row->second, of_host, of_containers, pins)};
        if (each.why.empty()) each.why = kept[image.id];
        each.goes = each.why.empty();
        judged.push_back(std::move(each));
    }
    std::ranges::sort(judged, [&](const Judged& a, const Judged& b) {
        return std::tuple(a.used, -depth[a.image.id], a.image.id) < std::tuple(b.used, -depth[b.image.id], b.image.id);
    });
    return judged;
}

Task<Result<Collected>> collect(ImageStore& engine, db::Store& store, const CacheLimits& limits, bool dry_run)
{
    Collection collection(engine, store, limits, dry_run);
    co_return co_await collection.run();
}

}  // namespace cleanup
