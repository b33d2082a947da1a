#include "broker/engine/removal.h"

#include <algorithm>
#include <map>
#include <set>

#include "broker/engine/images.h"
#include "broker/engine/redaction.h"
#include "rules/api/until.h"
#include "rules/names/names.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;
using rules::Result;

constexpr db::Seconds clock_slack = 2;  ///< a build notes when it began so much earlier
constexpr int unreadable = 413;         ///< stands for what the engine answers with when it cannot be read, a status that it has not

/// An image id without its algorithm: builds print the beginning of that.
std::string_view bare(std::string_view id)
{
    constexpr std::string_view algorithm = "sha256:";
    return id.starts_with(algorithm) ? id.substr(algorithm.size()) : id;
}

rules::Error error_of(const Answer& answer)
{
    return {answer.status, redactor().told(answer.message())};
}

/// What is in the list but cannot be read may be the job's.
rules::Error not_whole(Kind kind)
{
    return {unreadable, "the engine lists a " + std::string(rules::kind_name(kind)) + " that is too large to be read"};
}

/// What is intended and not live has no id yet: the engine knows it, if at all, by its real name.
const std::string& handle(const db::Object& object)
{
    return object.id.empty() ? object.real : object.id;
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
    const Json names = kind == Kind::container ? each.value("Names", Json()) : kind == Kind::image ? each.value("RepoTags", Json()) : Json::array({one});
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

Result<bool> Remover::done(const Answer& answer)
{
    if (answer.ok() || answer.status == 404) return answer.ok();
    return tl::unexpected(error_of(answer));
}

/// What `work` answers, or that it did not in time.
static Task<Answer> in_time(Task<Answer> work)
{
    std::optional<Answer> answer;
    const auto call = [&]() -> Task<> {
        Answer got = co_await std::move(work);
        answer = std::move(got);
    };
    try {
        co_await within(background_limit, call());
    } catch (const UnreadableAnswer& failure) {
        co_return Answer{unreadable, "text/plain", failure.what()};
    } catch (const EngineFailure& failure) {
        co_return Answer{503, "text/plain", failure.what()};
    }
    if (!answer) co_return Answer{504, "text/plain", "the engine did not answer in time"};
    co_return std::move(*answer);
}

Task<Answer> Remover::ask(EngineRequest request, Elements* elements)
{
    co_return co_await in_time(elements ? engine_.list(request, *elements) : engine_.call(request));
}

Task<Result<std::vector<db::Object>>> Remover::found(Kind kind, const std::string& key)
{
    return listed(kind, key);
}

Task<Result<std::vector<db::Object>>> Remover::found_of_all(Kind kind)
{
    return listed(kind, std::nullopt);
}

Task<Result<std::vector<db::Object>>> Remover::listed(Kind kind, std::optional<std::string> key)
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

void Remover::note_found(Kind kind, const Json& line, std::vector<db::Object>& objects, std::vector<MaybeStep>& maybe_steps) const
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

Task<Result<bool>> Remover::is_step_of_build(const MaybeStep& step)
{
    const auto is_id = [](const std::string& image) { return image.starts_with("sha256:"); };
    const EngineRequest inspect{.op = Op::container_inspect, .id = step.container.id};
    const Answer answer = co_await ask(inspect);
    // One too large to be read: the list has the id as well where the image has lost its name, but nobody puts such a container there by hand.
    if (answer.status == unreadable) co_return is_id(step.image);
    if (answer.status == 404) co_return false;
    if (!answer.ok()) co_return tl::unexpected(error_of(answer));
    const auto container = answer.read();
    co_return container ? is_id(container->value(Json::json_pointer("/Config/Image"), "")) : is_id(step.image);
}

Task<Result<bool>> Remover::remove(const db::Object& object)
{
    switch (object.kind) {
    case Kind::container: co_return co_await remove_container(object);
    case Kind::network: co_return co_await remove_network(object);
    case Kind::volume: co_return co_await remove_volume(object);
    case Kind::image: co_return co_await remove_image(object);
    case Kind::exec:
    case Kind::none: break;
    }
    co_return Result<bool>(false);
}

Task<Result<bool>> Remover::remove_container(const db::Object& object)
{
    EngineRequest request{.op = Op::container_remove, .id = handle(object)};
    request.query.set("force", "1");
    request.query.set("v", "1");
    const EngineRequest inspect{.op = Op::container_inspect, .id = handle(object)};
    Result<bool> removed = co_await remove_flagged(request, inspect, Kind::container);
    if (!removed && removed.error().status == 409 && removed.error().message.find("already in progress") != std::string::npos) {
        // The engine is at it (`--rm`): gone when it can no longer be inspected.
        const Answer there = co_await ask(inspect);
        if (there.status == 404) co_return Result<bool>(false);
    }
    co_return removed;
}

Task<Result<bool>> Remover::remove_network(const db::Object& object)
{
    const EngineRequest request{.op = Op::network_remove, .id = handle(object)};
    const Answer answer = co_await ask(request);
    if (answer.status != 403 && answer.status != 409) co_return done(answer);
    // Endpoints are in the way: whatever still holds on to a network of the job lets go of it now.
    const EngineRequest inspect{.op = Op::network_inspect, .id = handle(object)};
    const Answer there = co_await ask(inspect);
    if (const auto network = there.ok() ? there.read() : std::nullopt) {
        const Json containers = network->value("Containers", Json::object());
        for (const auto& [id, endpoint] : containers.items()) {
            EngineRequest leave{.op = Op::network_disconnect, .id = handle(object)};
            leave.body = Json{{"Container", id.starts_with("ep-") ? endpoint.value("Name", id) : id}, {"Force", true}};
            co_await ask(leave);
        }
    }
    const Answer again = co_await ask(request);
    co_return done(again);
}

Task<Result<bool>> Remover::remove_volume(const db::Object& object)
{
    EngineRequest removal{.op = Op::volume_remove, .id = object.real};
    EngineRequest inspection{.op = Op::volume_inspect, .id = object.real};
    co_return co_await remove_flagged(std::move(removal), std::move(inspection), Kind::volume);
}

Task<Result<bool>> Remover::remove_image(const db::Object& object)
{
    if (rules::is_real_reference(key_, object.real)) {
        const EngineRequest request = untag_request(object.real);
        const Answer answer = co_await ask(request);
        co_return done(answer);
    }
    if (const auto lent = lent_name(object)) {
        Images images(engine_);
        const Answer answer = co_await in_time(images.give_back(*lent, {}));
        co_return done(answer);
    }
    // A step of a build that was cut off, by its id: the job's if it has no name and was made then.
    const EngineRequest inspect{.op = Op::image_inspect, .id = object.real};
    const Answer there = co_await ask(inspect);
    if (there.status == unreadable) co_return co_await remove_listed_step(object);
    if (!there.ok()) co_return done(there);
    const auto image = there.read();
    if (!image) co_return tl::unexpected(rules::Error{502, "the engine's answer is not JSON"});
    if (!is_nameless(*image) || rules::parse_date(image->value("Created", "")).value_or(0) < object.created) co_return Result<bool>(false);
    co_return co_await remove_step(image->value("Id", ""));
}

/// The same of one that is too large to be inspected: the list tells of it, too.
Task<Result<bool>> Remover::remove_listed_step(db::Object step)
{
    const auto found = co_await grown({step});
    if (!found) co_return tl::unexpected(found.error());
    Result<bool> removed = false;
    for (const db::Object& each : *found) {
        if (!bare(each.id).starts_with(bare(step.real))) continue;
        removed = co_await remove_step(each.id);
        if (!removed) break;
    }
    co_return removed;
}

Task<Result<bool>> Remover::remove_step(std::string id)
{
    const EngineRequest request{.op = Op::image_remove, .id = std::move(id)};
    const Answer answer = co_await ask(request);
    // Another image grew from it: it goes with that.
    if (answer.status == 409 && answer.message().find("dependent child") != std::string::npos) co_return Result<bool>(false);
    co_return done(answer);
}

/// Notes what the job's `images` grew from while they are there: an engine that is killed removing one may leave it, and then nothing tells whose it was.
void Remover::note_ancestors(const Lines& list, const std::vector<db::Object>& images)
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
std::set<std::string> Remover::steps(const Lines& list, const std::vector<db::Object>& images) const
{
    std::set<std::string> found;
    std::map<std::string, db::Seconds> parents;  // what grew from these since then is the job's
    const auto note = [&](const Line& image, db::Seconds since, bool is_cut_off) {
        if (image.is_nameless_since(since)) found.insert(image.id);
        // What grows from an image that was there before (a base, which others have as well) is theirs. Only what a build that was cut off
        // was making is told by nothing else.
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

Task<Result<std::vector<db::Object>>> Remover::grown(const std::vector<db::Object>& images)
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

}  // namespace broker
