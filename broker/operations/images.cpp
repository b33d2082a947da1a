#include "broker/engine/image_cache.h"

#include <algorithm>
#include <ctime>
#include <set>

#include "broker/exchange/relay.h"
#include "broker/exchange/shown_list.h"
#include "broker/operations/operations.h"
#include "rules/api/until.h"
#include "rules/names/reference.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// A container of the job that uses the image; "" when none does.
Task<std::string> user_of(Call& call, const std::string& image)
{
    std::string user;
    const auto look = [&](Json container) {
        if (user.empty() && container.value("ImageID", "") == image) user = container.value("Id", "");
    };
    co_await for_containers(call, false, look);
    co_return user;
}

std::string short_id(std::string_view id)
{
    if (id.starts_with("sha256:")) id.remove_prefix(7);
    return std::string(id.substr(0, 12));
}

/// What the engine said of a removal, under the job's names.
void append_report(Call& call, const Answer& answer, const db::Object& image, Json& report)
{
    if (!image.name.empty()) report.push_back({{"Untagged", image.name}});
    if (!answer.ok()) return;
    for (const Json& line : answer.json())
        if (const std::string deleted = line.value("Deleted", ""); !deleted.empty()) {
            report.push_back(line);
            while (const db::Object* row = call.job.objects.with_id(Kind::image, deleted)) call.job.objects.forget(row->row);
        }
}

/// Takes one name (or, for an image without one, the image) from the job, and from the engine what nobody else holds.
/// Appends what happened to `report`; throws when the engine refuses without `force`.
Task<> drop_image(Call& call, const db::Object& image, bool force, bool in_use, Json& report)
{
    ImageCatalogue& images = call.services.images;
    const bool last = !is_held_otherwise(call.job.objects, image);
    if (image.name.empty() && image.origin == db::Origin::made) {
        // By its id the engine also says what is in the way, unless others hold the same image.
        const auto there = co_await images.inspect(image.id);
        const Json tags = there ? there->value("RepoTags", Json::array()) : Json::array();
        if (tags.size() == 1 && tags[0] == image.real) {
            EngineRequest request{.op = Op::image_remove, .id = image.id};
            if (force) request.query.set("force", "1");
            const Answer answer = co_await exchange(call, request);
            if (!answer.ok() && answer.status != 404) throw Refused{error_of(call, answer)};
            co_await call.job.objects.gone(image.row);
            append_report(call, answer, image, report);
            co_return;
        }
    }
    // A container keeps its image, which then has no name.
    if (last && in_use && image.origin == db::Origin::made) co_await hold_nameless(call, image.id);
    const Answer answer = co_await release_image(call, image);
    if (!answer.ok() && answer.status != 404) throw Refused{error_of(call, answer)};
    const std::size_t before = report.size();
    append_report(call, answer, image, report);
    // What was pulled stays in the host's cache, where the job no longer sees it.
    if (last && image.origin == db::Origin::pulled && report.size() == before + (image.name.empty() ? 0 : 1))
        report.push_back({{"Deleted", image.id}});
}

/// The images that `id` grew from stay when it is removed: the nearest, which keeps the others, becomes the job's without a name. Where
/// somebody else has the image too, its parents may be theirs.
Task<> keep_parent(Call& call, const std::string& id)
{
    const auto image = co_await call.services.images.inspect(id);
    if (!image) co_return;
    for (const Json& tag : image->value("RepoTags", Json::array()))
        if (!rules::is_real_reference(call.job.facts.key, tag.get<std::string>())) co_return;
    const std::string parent = image->value("Parent", "");
    if (!parent.empty() && !call.job.objects.by_id(Kind::image, parent)) co_await hold_nameless(call, parent);
}

}  // namespace

Task<> list_images(Call& call)
{
    const rules::Query& query = call.route.query;
    const rules::Filters filters =
        or_refuse(rules::Filters::parse(query.get("filters"), {"before", "dangling", "label", "label!", "reference", "since", "until"}));
    EngineRequest request{.op = Op::image_list};
    request.version = call.route.version;
    request.query.set("all", "1");  // `before` and `since` go by the place of any image in the list
    if (query.flag("digests")) request.query.set("digests", "1");
    const auto until = or_refuse(rules::until_of(filters, std::time(nullptr)));
    const auto view = or_refuse(rules::image_list_view(filters, query.flag("all"), until, call.job.objects, call.view_facts()));
    co_await show_list(call, request, *view);
}

Task<> inspect_image(Call& call)
{
    call.target = or_refuse(call.job.objects.image(call.route.id));
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    const auto view = rules::view_image(co_await json_of(answer), call.job.objects, call.view_facts());
    if (!view) throw EngineFailure("image inspect has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> history_of_image(Call& call)
{
    call.target = or_refuse(call.job.objects.image(call.route.id));
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    const auto view = rules::view_image_history(co_await json_of(answer), call.job.objects);
    if (!view) throw EngineFailure("image history has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> tag_image(Call& call)
{
    call.target = or_refuse(call.job.objects.image(call.route.id));
    std::string text(call.route.query.get("repo"));
    if (const auto tag = call.route.query.get("tag"); !tag.empty()) text += ":" + std::string(tag);
    const rules::Reference reference = or_refuse(rules::parse_reference(text));
    if (!reference.digest.empty()) throw Refused{{400, "refusing to create a tag with a digest reference"}};
    const Making making(call);
    co_await keep_image(call, reference.familiar_tagged(), call.target.id, db::Origin::made);
    co_await call.client.reply_empty(201);
}

Task<> remove_image(Call& call)
{
    Job& job = call.job;
    call.target = or_refuse(job.objects.image(call.route.id));
    const bool force = call.route.query.flag("force");
    const auto reference = rules::parse_reference(call.route.id);
    const db::Object* by_name = reference ? job.objects.named(Kind::image, reference->held()) : nullptr;

    std::vector<db::Object> names;
    std::vector<db::Object> all = job.objects.all(Kind::image);
    std::erase_if(all, [&](const db::Object& each) { return each.id != call.target.id; });
    if (by_name)
        names.push_back(*by_name);
    else
        names = all;
    if (!by_name && names.size() > 1 && !force)
        throw Refused{
            {409, "conflict: unable to delete " + short_id(call.target.id) + " (must be forced) - image is referenced in multiple repositories"}};
    std::string user;
    if (names.size() == all.size()) {
        user = co_await user_of(call, call.target.id);
        if (!user.empty() && !force)
            throw Refused{{409, "conflict: unable to remove repository reference \"" + call.route.id + "\" (must force) - container " +
                                    short_id(user) + " is using its referenced image " + short_id(call.target.id)}};
    }
    const Making making(call);
    Json report = Json::array();
    const auto turn = co_await job.naming.hold();
    const bool removed = names.size() == all.size() && user.empty();
    const bool made = std::ranges::all_of(all, [](const db::Object& each) { return each.origin == db::Origin::made; });
    if (call.route.query.flag("noprune") && removed && made) co_await keep_parent(call, call.target.id);
    for (const db::Object& each : names)
        if (job.objects.at(each.row)) co_await drop_image(call, each, force, !user.empty(), report);
    co_await call.client.reply_json(200, report);
}

Task<> prune_images(Call& call)
{
    const rules::Filters filters = or_refuse(rules::Filters::parse(call.route.query.get("filters"), {"dangling", "label", "label!", "until"}));
    const bool dangling_only = or_refuse(filters.flag("dangling", true));
    const auto until = or_refuse(rules::until_of(filters, std::time(nullptr)));
    const Making making(call);
    std::set<std::string> in_use;
    const auto note = [&in_use](Json container) { in_use.insert(container.value("ImageID", "")); };
    co_await for_containers(call, false, note);
    Json report = Json::array();
    std::int64_t space = 0;
    for (const db::Object& each : call.job.objects.all(Kind::image)) {
        if (!call.job.objects.at(each.row) || each.id.empty() || (dangling_only && !each.name.empty())) continue;
        const bool used = in_use.contains(each.id);
        const auto image = used ? std::nullopt : co_await call.services.images.inspect(each.id);
        if (!image) continue;
        const Json config = image->value("Config", Json::object());
        const Json labels = config.is_object() ? config.value("Labels", Json::object()) : Json::object();
        if (!filters.labels_match(labels.is_object() ? labels : Json::object())) continue;
        if (until && rules::parse_date(image->value("Created", "")).value_or(0) >= *until) continue;
        const std::size_t before = report.size();
        try {
            const auto turn = co_await call.job.naming.hold();
            co_await drop_image(call, each, false, false, report);
        } catch (const Refused&) {
            // In use after all: a prune leaves it.
        }
        for (std::size_t at = before; at < report.size(); ++at)
            if (report[at].value("Deleted", "") == each.id) space += image->value("Size", std::int64_t{0});
    }
    co_await call.client.reply_json(200, {{"ImagesDeleted", report}, {"SpaceReclaimed", space}});
}

}  // namespace broker
