#include <sys/statvfs.h>

#include <ctime>

#include "broker/engine/image_cache.h"
#include "broker/engine/redaction.h"
#include "broker/io/log.h"
#include "rules/api/until.h"

// Collecting the cache: what the engine has and uses, how full it is, and what goes.
namespace broker {
namespace {

using rules::Json;
using rules::Op;
using rules::Result;

/// Tags and digests of a line of the list; older versions write `<none>` where there is none.
std::vector<std::string> names_of(const Json& image)
{
    std::vector<std::string> names;
    for (const char* key : {"RepoTags", "RepoDigests"})
        if (const Json list = image.value(key, Json()); list.is_array())
            for (const Json& each : list)
                if (each.is_string() && !each.get_ref<const std::string&>().starts_with("<none>")) names.push_back(each.get<std::string>());
    return names;
}

std::string name_of(const cleanup::Image& image)
{
    return image.names.empty() ? image.id : image.names.front();
}

}  // namespace

Task<Result<Json>> ImageCache::ask(EngineRequest request, Elements* elements)
{
    std::optional<Answer> answer;
    const auto call = [&]() -> Task<> {
        Task<Answer> asked = elements ? engine_.list(request, *elements) : engine_.call(request);
        answer = co_await std::move(asked);
    };
    try {
        co_await within(background_limit, call());
    } catch (const EngineFailure& failure) {
        co_return tl::unexpected(rules::Error{503, failure.what()});
    }
    if (!answer) co_return tl::unexpected(rules::Error{504, "the engine did not answer in time"});
    if (!answer->ok()) co_return tl::unexpected(error_of(*answer));
    co_return elements ? Json() : answer->json();
}

Task<Result<std::vector<cleanup::Image>>> ImageCache::images()
{
    EngineRequest request{.op = Op::image_list};
    request.query.set("all", "1");
    request.query.set("digests", "1");
    std::vector<cleanup::Image> all;
    const auto note = [&all](Json each) {
        all.push_back({each.value("Id", ""), each.value("ParentId", ""), names_of(each), each.value("Size", std::int64_t{0})});
    };
    EachElement elements(note);
    const Result<Json> listed = co_await ask(std::move(request), &elements);
    if (!listed) co_return tl::unexpected(listed.error());
    co_return all;
}

Task<Result<std::set<std::string>>> ImageCache::used_by_containers()
{
    EngineRequest request{.op = Op::container_list};
    request.query.set("all", "1");
    std::set<std::string> ids;
    const auto note = [&ids](Json each) { ids.insert(each.value("ImageID", "")); };
    EachElement elements(note);
    const Result<Json> listed = co_await ask(std::move(request), &elements);
    if (!listed) co_return tl::unexpected(listed.error());
    co_return ids;
}

std::optional<cleanup::Fill> ImageCache::fill()
{
    // Of the engine's host: here it may be another directory of that name, or none.
    const std::filesystem::path root = engine_.root_directory();
    std::error_code error;
    struct statvfs room{};
    if (root.empty() || !std::filesystem::is_directory(root / "containers", error) || ::statvfs(root.c_str(), &room) != 0) return std::nullopt;
    const auto unit = static_cast<std::int64_t>(room.f_frsize);
    const auto used = static_cast<std::int64_t>(room.f_blocks - room.f_bfree);
    // As df counts: what is reserved for root is neither used nor to be had.
    return cleanup::Fill{(used + static_cast<std::int64_t>(room.f_bavail)) * unit, used * unit, static_cast<std::int64_t>(room.f_files),
                         static_cast<std::int64_t>(room.f_files - room.f_ffree)};
}

Task<Result<bool>> ImageCache::release(const std::string& name, const cleanup::Image& image, bool& busy)
{
    const auto alone = images_.try_alone_under(name);
    const bool rested_on = name.starts_with(built_images) && images_.is_in_use(std::string(built_images));
    busy = !alone || rested_on || std::ranges::any_of(image.names, [&](const std::string& each) { return each != name && images_.is_in_use(each); });
    if (busy) co_return false;
    const EngineRequest inspect = inspection_of(rules::Kind::image, name);
    const Result<Json> there = co_await ask(inspect);
    if (there && there->value("Id", "") != image.id) co_return false;  // somebody on the host has called another image so
    const EngineRequest request{.op = Op::image_remove, .id = name};  // not by force: what a container uses stays
    const Result<Json> answer = co_await ask(request);
    if (!answer && answer.error().status == 404) co_return false;
    if (!answer) co_return tl::unexpected(answer.error());
    co_return true;
}

Task<Json> ImageCache::trim_builds()
{
    if (builds_max_ == 0) co_return Json();
    EngineRequest request{.op = Op::build_prune};
    request.query.set("all", "1");
    request.query.set("keep-storage", std::to_string(builds_max_));
    const Result<Json> answer = co_await ask(request);
    if (!answer) co_return Json{{"freed", 0}, {"problem", answer.error().message}};
    co_return Json{{"freed", answer->value("SpaceReclaimed", std::int64_t{0})}, {"problem", ""}};
}

Task<Json> ImageCache::collect(std::map<std::string, std::int64_t> caps, bool dry_run)
{
    const auto turn = co_await collecting_.hold();
    changed_ = false;
    co_await adopt_cut_pulls();
    cleanup::CacheLimits limits = limits_;
    limits.caps = std::move(caps);
    const Result<cleanup::Collected> collected = co_await cleanup::collect(*this, store_, limits, dry_run);
    Json report = {{"high", cleanup::to_string(limits.high)},
                   {"low", cleanup::to_string(limits.low)},
                   {"images", Json::array()},
                   {"bytes", 0},
                   {"freed", 0},
                   {"returned", nullptr}};
    report["problem"] = collected ? collected->problem : collected.error().message;
    if (!collected) co_return report;
    std::int64_t left = 0, bytes = collected->bytes;
    for (const cleanup::Judged& each : collected->images) {
        left += !each.gone;
        if (each.gone) bytes -= each.image.size;
        report["images"].push_back({{"name", name_of(each.image)},
                                    {"id", each.image.id},
                                    {"size", each.image.size},
                                    {"used", each.used},
                                    {"profile", each.profile},
                                    {"outcome", !each.gone ? "kept"
                                                : dry_run  ? "would go"
                                                           : "gone"},
                                    {"why", each.why}});
        if (each.gone && !dry_run) log::info("image collected", {{"image", name_of(each.image)}, {"size", each.image.size}, {"why", each.why}});
    }
    report["bytes"] = collected->bytes;
    report["freed"] = collected->freed;
    if (collected->returned) report["returned"] = *collected->returned;
    if (!dry_run) {
        size_ = {{"images", left}, {"bytes", bytes}, {"looked", std::time(nullptr)}};
        report["build_cache"] = co_await trim_builds();
    }
    co_return report;
}

bool ImageCache::pressed()
{
    if (!changed_) return false;
    if (limits_.high.of == cleanup::Level::Of::images) return true;
    const auto now = fill();
    return now && cleanup::is_over(*now, limits_.high);
}

}  // namespace broker
