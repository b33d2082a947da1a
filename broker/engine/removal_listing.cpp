#include <algorithm>
#include <map>
#include <set>

#include "broker/engine/images.h"
#include "broker/engine/redaction.h"
#include "broker/engine/removal.h"
#include "rules/api/until.h"
#include "rules/names/names.h"

// What the engine lists of jobs' things, by their real names, and the steps of builds, which have none.
namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;
using rules::Result;

constexpr db::Seconds clock_slack = 2;  ///< a build notes when it began so much earlier

/// An image id without its algorithm: builds print the beginning of that.
std::string_view bare(std::string_view id)
{
    constexpr std::string_view algorithm = "sha256:";
    return id.starts_with(algorithm) ? id.substr(algorithm.size()) : id;
}

/// What is in the list but cannot be read may be the job's.
rules::Error not_whole(Kind kind)
{
    return {unreadable, "the engine lists a " + std::string(rules::kind_name(kind)) + " that is too large to be read"};
}

/// The same as is_nameless of a line of the list, where older versions write `<none>`.
bool is_nameless_line(const Json& image)
{
    const auto is_blank = [&image](const char* key, const char* none) {
        const Json names = image.value(key, Json());
        return rules::is_zero(names) || (names.is_array() && names.size() == 1 && names[0] == none);
    };
    return is_blank("RepoTags", "<none>:<none>") && is_blank("RepoDigests", "<none>@<none>");
}

/// What a line of a list bears of names of jobs.
std::vector<std::string> real_names(Kind kind, const Json& each)
{
    const Json one = each.value("Name", Json());
    const Json names = kind == Kind::container ? each.value("Names", Json())
                       : kind == Kind::image   ? each.value("RepoTags", Json())
                                               : Json::array({one});
    std::vector<std::string> reals;
    if (!names.is_array()) return reals;
    for (const Json& name : names)
        if (name.is_string() && rules::key_of(name.get_ref<const std::string&>())) reals.push_back(name.get<std::string>());
    return reals;
}

/// The job on whose network a container that bears no name of ours is to run, if any.
std::optional<std::string> job_whose_network_it_has(const Json& container)
{
    const Json host = container.value("HostConfig", Json());
    const std::string network = host.is_object() ? host.value("NetworkMode", "") : std::string();
    const auto key = rules::key_of(network);
    return key && rules::virtual_name(*key, network) ? key : std::nullopt;
}

}  // namespace

Task<Result<std::vector<db::Object>>> EngineCleanup::found(Kind kind, const std::string& key)
{
    return listed(kind, key);
}

Task<Result<std::vector<db::Object>>> EngineCleanup::found_of_all(Kind kind)
{
    return listed(kind, std::nullopt);
}

Task<Result<std::vector<db::Object>>> EngineCleanup::listed(Kind kind, std::optional<std::string> key)
{
    const Op op = kind == Kind::container ? Op::container_list
                  : kind == Kind::network ? Op::network_list
                  : kind == Kind::volume  ? Op::volume_list
                                          : Op::image_list;
    EngineRequest request{.op = op};
    if (kind == Kind::container) request.query.set("all", "1");
    if (kind == Kind::network || kind == Kind::volume) {
        Json filters;
        filters["name"][std::string(rules::real_prefix)] = true;
        request.query.set("filters", filters.dump());
    }
    std::vector<db::Object> objects;
    std::vector<MaybeStep> maybe_steps;
    const auto note = [&](Json line) { note_found(kind, line, objects, maybe_steps); };
    EachElement lines(note, kind == Kind::volume ? "Volumes" : "");
    const Answer answer = co_await ask(std::move(request), &lines);
    if (!answer.ok()) co_return tl::unexpected(error_of(answer));
    if (!lines.is_whole()) co_return tl::unexpected(not_whole(kind));
    if (key) {
        std::erase_if(objects, [&key](const db::Object& each) { return each.job != *key; });
        std::erase_if(maybe_steps, [&key](const MaybeStep& each) { return each.container.job != *key; });
    }
    for (MaybeStep& step : maybe_steps) {
        const Result<bool> is_step = co_await is_step_of_build(step);
        if (!is_step) co_return tl::unexpected(is_step.error());
        if (*is_step) objects.push_back(std::move(step.container));
    }
    co_return objects;
}

void EngineCleanup::note_found(Kind kind, const Json& line, std::vector<db::Object>& objects, std::vector<MaybeStep>& maybe_steps) const
{
    const std::vector<std::string> reals = real_names(kind, line);
    if (kind == Kind::container && reals.empty())
        if (const auto job = job_whose_network_it_has(line)) {
            db::Object step;
            step.kind = kind;
            step.job = *job;
            step.id = step.real = line.value("Id", "");
            maybe_steps.push_back({std::move(step), line.value("Image", "")});
        }
    for (const std::string& real : reals) {
        db::Object object;
        object.kind = kind;
        object.real = real;
        object.job = rules::key_of(real).value();
        object.id = kind == Kind::volume ? real : line.value("Id", "");
        if (kind != Kind::image)
            object.name = rules::virtual_name(object.job, real).value_or("");
        else if (const auto reference = rules::virtual_reference(object.job, real))
            object.name = reference->familiar();
        if (kind == Kind::image || !object.name.empty()) objects.push_back(std::move(object));
    }
}

Task<Result<bool>> EngineCleanup::is_step_of_build(const MaybeStep& step)
{
    const auto is_id = [](const std::string& image) { return image.starts_with("sha256:"); };
    const EngineRequest inspect = inspection_of(Kind::container, step.container.id);
    const Answer answer = co_await ask(inspect);
    // Too large to be read: the list decides. It has the id of an image that lost its name, too, but nobody makes such a container by hand.
    if (answer.status == unreadable) co_return is_id(step.image);
    if (answer.status == 404) co_return false;
    if (!answer.ok()) co_return tl::unexpected(error_of(answer));
    const auto container = answer.read();
    co_return container ? is_id(container->value(Json::json_pointer("/Config/Image"), "")) : is_id(step.image);
}

void EngineCleanup::note_ancestors(const Lines& list, const std::vector<db::Object>& images)
{
    if (images.empty()) return;
    const db::Seconds since = std::ranges::min(images, {}, &db::Object::created).created - clock_slack;
    for (const db::Object& each : images)
        for (auto at = list.find(bare(each.id)); at != list.end();) {
            at = list.find(bare(at->second.parent));
            if (at == list.end() || !at->second.is_nameless_since(since) || !ancestors_.insert(at->second.id).second) break;
        }
}

/// What of `list` is a step of the builds that made `images`, or grew from one since then.
std::set<std::string> EngineCleanup::steps(const Lines& list, const std::vector<db::Object>& images) const
{
    std::set<std::string> found;
    std::map<std::string, db::Seconds> parents;  // what grew from these since then is the job's
    const auto note = [&](const Line& image, db::Seconds since, bool is_cut_off) {
        if (image.is_nameless_since(since)) found.insert(image.id);
        // What grew from an older image (a base, which others may have) need not be ours. Of a build that was cut off nothing else tells.
        if (is_cut_off || image.created >= since) parents.emplace(image.id, since);
    };
    for (const auto& [bare_id, image] : list)
        if (ancestors_.contains(image.id) && image.is_nameless) found.insert(image.id);
    for (const db::Object& each : images) {
        const db::Seconds since = each.created - clock_slack;
        // By its own id: an engine that was killed as it removed an image may have taken its name only.
        if (const auto whole = list.find(bare(each.id)); whole != list.end()) note(whole->second, since, false);
        const std::string_view hex = bare(each.real);  // builds print its beginning
        if (hex.empty()) continue;
        for (auto at = list.lower_bound(hex); at != list.end() && at->first.starts_with(hex); ++at) note(at->second, since, each.id.empty());
    }
    std::multimap<std::string_view, const Line*> children;
    for (const auto& [bare_id, image] : list) children.emplace(image.parent, &image);
    std::vector<std::pair<std::string, db::Seconds>> open(parents.begin(), parents.end());
    while (!open.empty()) {
        const auto [parent, since] = std::move(open.back());
        open.pop_back();
        const auto [first, last] = children.equal_range(parent);
        for (auto child = first; child != last; ++child) {
            const Line& image = *child->second;
            if (!image.is_nameless_since(since)) continue;
            found.insert(image.id);
            if (parents.emplace(image.id, since).second) open.emplace_back(image.id, since);
        }
    }
    return found;
}

Task<Result<std::vector<db::Object>>> EngineCleanup::descendants(const std::vector<db::Object>& images)
{
    EngineRequest request{.op = Op::image_list};
    request.query.set("all", "1");
    Lines list;
    const auto note = [&list](Json image) {
        Line line{image.value("Id", ""), image.value("ParentId", ""), is_nameless_line(image), image.value("Created", db::Seconds())};
        std::string key(bare(line.id));
        list.emplace(std::move(key), std::move(line));
    };
    EachElement lines(note);
    const Answer answer = co_await ask(request, &lines);
    if (!answer.ok()) co_return tl::unexpected(error_of(answer));
    if (!lines.is_whole()) co_return tl::unexpected(not_whole(Kind::image));
    note_ancestors(list, images);
    const std::set<std::string> found = steps(list, images);

    // Children before parents; what an image that stays leans on stays too.
    std::map<std::string_view, std::size_t> leaning;
    for (const auto& [bare_id, image] : list) ++leaning[image.parent];
    std::vector<std::string> free;
    for (const std::string& id : found)
        if (!leaning.contains(id)) free.push_back(id);
    std::vector<db::Object> objects;
    for (std::size_t at = 0; at < free.size(); ++at) {
        db::Object object;
        object.kind = Kind::image;
        object.id = object.real = free[at];
        objects.push_back(std::move(object));
        const std::string& parent = list.find(bare(free[at]))->second.parent;
        if (--leaning[parent] == 0 && found.contains(parent)) free.push_back(parent);
    }
    co_return objects;
}

/// A step that is too large to be inspected: the list tells of it, too.
Task<Result<bool>> EngineCleanup::remove_listed_step(db::Object step)
{
    const auto found = co_await descendants({step});
    if (!found) co_return tl::unexpected(found.error());
    Result<bool> removed = false;
    for (const db::Object& each : *found) {
        if (!bare(each.id).starts_with(bare(step.real))) continue;
        removed = co_await remove_step(each.id);
        if (!removed) break;
    }
    co_return removed;
}

}  // namespace broker
