#include "broker/images.h"

#include <algorithm>
#include <ctime>

#include "broker/operations.h"
#include "broker/relay.h"
#include "rules/reference.h"
#include "rules/until.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// The reference that a pull is for: a tag or a digest, `latest` when neither is given. (Without either, dockerd pulls every tag.)
rules::Reference pulled_reference(const rules::Query& query)
{
    std::string text(query.get("fromImage"));
    const std::string_view tag = query.get("tag");
    if (!tag.empty()) text += (tag.find(':') == tag.npos ? ":" : "@") + std::string(tag);
    rules::Reference reference = want(rules::parse_reference(text));
    if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
    return reference;
}

/// A container of the job that uses the image; "" when none does.
Task<std::string> user_of(Call& call, const std::string& image)
{
    const Json list = co_await containers_of(call, false);
    for (const Json& container : list)
        if (container.value("ImageID", "") == image) co_return container.value("Id", "");
    co_return std::string();
}

std::string short_id(std::string_view id)
{
    if (id.starts_with("sha256:")) id.remove_prefix(7);
    return std::string(id.substr(0, 12));
}

/// Takes one name (or, for an image without one, the image) from the job, and from the engine when the job had made it.
/// Appends what happened to `report`; nothing happens when the engine refuses without `force`.
Task<> drop_image(Call& call, const db::Object& image, bool force, bool prune_parents, Json& report)
{
    Job& job = call.job;
    if (image.origin == db::Origin::pulled) {
        // The host's cache keeps what was pulled; the job no longer has it.
        co_await job.objects.gone(image.row);
        report.push_back({{"Untagged", image.name}});
        if (!job.objects.by_id(Kind::image, image.id)) report.push_back({{"Deleted", image.id}});
        co_return;
    }
    if (image.name.empty()) {
        const auto there = co_await call.services.images.inspect(image.id);
        const bool named = there && (!rules::is_zero(there->value("RepoTags", Json())) || !rules::is_zero(there->value("RepoDigests", Json())));
        if (!there || named) {
            co_await job.objects.gone(image.row);
            co_return;
        }
    }
    EngineRequest request{.op = Op::image_remove};
    request.id = image.name.empty() ? image.id : image.real;
    if (force) request.query.set("force", "1");
    if (!prune_parents) request.query.set("noprune", "1");
    const Answer answer = co_await call.services.engine.call(request);
    if (!answer.ok() && answer.status != 404) throw Refused{error_of(call, answer)};
    co_await job.objects.gone(image.row);
    if (!image.name.empty()) call.services.images.release(image.name, job.facts.key);
    if (!answer.ok()) co_return;
    for (const Json& line : answer.json()) {
        const std::string untagged = line.value("Untagged", ""), deleted = line.value("Deleted", "");
        if (!untagged.empty() && untagged == image.name) report.push_back(line);
        if (deleted.empty()) continue;
        report.push_back(line);
        while (const db::Object* row = job.objects.with_id(Kind::image, deleted)) co_await job.objects.gone(row->row);
    }
}

/// True when an image of the job grew from the image `id`.
Task<bool> has_own_child(Call& call, std::string id)
{
    for (const db::Object& each : call.job.objects.all(Kind::image)) {
        if (each.id.empty() || each.id == id) continue;
        const auto image = co_await call.services.images.inspect(each.id);
        if (image && image->value("Parent", "") == id) co_return true;
    }
    co_return false;
}

}  // namespace

Task<> record_image(Call& call, std::string reference, std::string id, db::Origin origin)
{
    Objects& objects = call.job.objects;
    const db::Object* held = reference.empty() ? objects.with_id(Kind::image, id) : objects.named(Kind::image, reference);
    if (held && held->id == id && held->state == db::ObjectState::live) co_return;
    if (held && !held->id.empty() && held->id != id) {
        const db::Object before = *held;
        co_await objects.gone(before.row);
        if (origin == db::Origin::pulled) call.services.images.release(reference, call.job.facts.key);
        if (before.origin == db::Origin::made && !objects.by_id(Kind::image, before.id)) {
            // The tag moved on; what it named until now has no name left, and is still the job's to remove.
            db::Object nameless;
            nameless.kind = Kind::image;
            nameless.id = nameless.real = before.id;
            co_await objects.adopt(std::move(nameless));
        }
        held = nullptr;
    }
    if (held) {
        co_await objects.live(held->row, std::move(id));
        co_return;
    }
    db::Object object;
    object.kind = Kind::image;
    object.origin = origin;
    object.name = reference;
    object.real = reference.empty() ? id : reference;
    object.id = std::move(id);
    co_await objects.adopt(std::move(object));
}

Task<> list_images(Call& call)
{
    const rules::Query& query = call.route.query;
    const rules::Filters filters =
        want(rules::Filters::parse(query.get("filters"), {"before", "dangling", "label", "label!", "reference", "since", "until"}));
    EngineRequest request{.op = Op::image_list};
    request.version = call.route.version;
    request.query.set("all", "1");  // `before` and `since` go by the place of any image in the list
    if (query.flag("digests")) request.query.set("digests", "1");
    const Answer answer = co_await ask(call, request);
    Json view = want(rules::view_images(answer.json(), filters, query.flag("all"), call.job.objects, call.view_facts()));
    if (const auto until = want(rules::until_of(filters, std::time(nullptr)))) {
        const auto younger = [&until](const Json& image) { return image.value("Created", std::int64_t{0}) >= *until; };
        view.erase(std::remove_if(view.begin(), view.end(), younger), view.end());
    }
    co_await call.client.reply_json(200, view);
}

Task<> pass_lines(Upstream& upstream, const ResponseHead& head, const LineSink& sink)
{
    constexpr std::size_t line_max = 4 * 1024 * 1024;
    BodyReader body(upstream.wire(), head);
    std::string pending;
    for (;;) {
        const std::string_view piece = co_await body.next();
        if (piece.empty()) break;
        pending.append(piece);
        const std::size_t lines = pending.rfind('\n') + 1;
        if (lines > 0) co_await sink(std::string_view(pending).substr(0, lines));
        pending.erase(0, lines);
        if (pending.size() > line_max) throw EngineFailure("a line of the engine's answer is too long");
    }
    upstream.finished(head);
    if (!pending.empty()) co_await sink(pending);
}

Task<bool> pull_for(Call& call, const rules::Reference& reference, const std::string& platform, const std::string& auth, const LineSink& sink)
{
    const std::string name = reference.familiar();
    if (const std::string* holder = call.services.images.holder(name); holder && *holder != call.job.facts.key)
        throw Refused{{409, "berth: the tag " + name + " was made by another job on this host and cannot be pulled over while that job runs", {}, {}, {}}};
    EngineRequest request{.op = Op::image_create};
    request.version = call.route.version;
    request.query.set("fromImage", reference.repository());
    request.query.set("tag", reference.digest.empty() ? reference.tag : reference.digest);
    if (!platform.empty()) request.query.set("platform", platform);
    request.registry_auth = auth;

    Upstream upstream = co_await call.services.engine.send(request);
    const UpstreamShown while_relayed(call.connection, upstream);
    const ResponseHead head = co_await upstream.read_head();
    if (head.status >= 400) {
        constexpr std::size_t error_max = 256 * 1024;
        std::string body = co_await upstream.read_body(head, error_max);
        throw Refused{error_of(call, {head.status, std::string(head.header("content-type")), std::move(body)})};
    }
    bool failed = false;
    const auto watched = [&](std::string_view lines) -> Task<> {
        for (std::string_view rest = lines; !rest.empty();) {
            const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
            const Json message = Json::parse(rest.substr(0, end), nullptr, false);
            if (message.is_object() && (message.contains("errorDetail") || message.contains("error"))) failed = true;
            rest.remove_prefix(end);
        }
        co_await sink(lines);
    };
    co_await pass_lines(upstream, head, watched);
    if (failed) co_return false;
    if (const auto image = co_await call.services.images.inspect(name)) co_await record_image(call, name, image->value("Id", ""), db::Origin::pulled);
    co_return true;
}

Task<> pull_image(Call& call)
{
    if (call.route.query.get("fromImage").empty()) throw Refused{{400, "fromImage is required: berth only pulls here", {}, {}, {}}};
    const rules::Reference reference = pulled_reference(call.route.query);
    const std::string platform(call.route.query.get("platform")), auth(call.head.header("x-registry-auth"));
    const auto begin = [&]() -> Task<> {
        if (!call.client.answered()) co_await call.client.begin(200, "application/json");
    };
    const auto pass = [&](std::string_view lines) -> Task<> {
        co_await begin();
        co_await call.client.piece(lines);
    };
    const auto pull = [&]() -> Task<> {
        co_await pull_for(call, reference, platform, auth, pass);
        co_await begin();
        co_await call.client.end();
    };
    co_await while_client_stays(call, pull());
}

Task<> inspect_image(Call& call)
{
    call.target = want(call.job.objects.image(call.route.id));
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    const auto view = rules::view_image(answer.json(), call.job.objects, call.view_facts());
    if (!view) throw EngineFailure("image inspect has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> history_of_image(Call& call)
{
    call.target = want(call.job.objects.image(call.route.id));
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    const auto view = rules::view_image_history(answer.json(), call.job.objects);
    if (!view) throw EngineFailure("image history has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> tag_image(Call& call)
{
    Job& job = call.job;
    call.target = want(job.objects.image(call.route.id));
    std::string text(call.route.query.get("repo"));
    if (const auto tag = call.route.query.get("tag"); !tag.empty()) text += ":" + std::string(tag);
    rules::Reference reference = want(rules::parse_reference(text));
    if (!reference.digest.empty()) throw Refused{{400, "refusing to create a tag with a digest reference", {}, {}, {}}};
    const std::string name = reference.familiar_tagged();
    reference = want(rules::parse_reference(name));

    const Making making(call);
    want(co_await call.services.images.claim(name, job.facts.key));
    if (!job.objects.named(Kind::image, name)) {
        db::Object object;
        object.kind = Kind::image;
        object.name = object.real = name;
        co_await job.objects.intend(std::move(object));
    }
    EngineRequest request = call.request();
    request.query = rules::Query();
    request.query.set("repo", reference.repository());
    request.query.set("tag", reference.tag);
    co_await ask(call, request);
    co_await record_image(call, name, call.target.id, db::Origin::made);
    co_await call.client.reply_empty(201);
}

Task<> remove_image(Call& call)
{
    Job& job = call.job;
    call.target = want(job.objects.image(call.route.id));
    const bool force = call.route.query.flag("force");
    const bool prune_parents = !call.route.query.flag("noprune");
    const auto reference = rules::parse_reference(call.route.id);
    const db::Object* by_name = reference ? job.objects.named(Kind::image, reference->familiar_tagged()) : nullptr;

    std::vector<db::Object> names;
    std::vector<db::Object> all = job.objects.all(Kind::image);
    std::erase_if(all, [&](const db::Object& each) { return each.id != call.target.id; });
    if (by_name)
        names.push_back(*by_name);
    else
        names = all;
    if (!by_name && names.size() > 1 && !force)
        throw Refused{{409, "conflict: unable to delete " + short_id(call.target.id) + " (must be forced) - image is referenced in multiple repositories", {}, {}, {}}};
    if (names.size() == all.size() && !force)
        if (const std::string user = co_await user_of(call, call.target.id); !user.empty())
            throw Refused{{409, "conflict: unable to remove repository reference \"" + call.route.id + "\" (must force) - container " + short_id(user) +
                                    " is using its referenced image " + short_id(call.target.id), {}, {}, {}}};
    const Making making(call);
    Json report = Json::array();
    for (const db::Object& each : names) co_await drop_image(call, each, force, prune_parents, report);
    co_await call.client.reply_json(200, report);
}

Task<> prune_images(Call& call)
{
    const rules::Filters filters = want(rules::Filters::parse(call.route.query.get("filters"), {"dangling", "label", "label!", "until"}));
    const bool dangling_only = want(filters.flag("dangling", true));
    const auto until = want(rules::until_of(filters, std::time(nullptr)));
    const Making making(call);
    const Json containers = co_await containers_of(call, false);
    Json report = Json::array();
    std::int64_t space = 0;
    for (const db::Object& each : call.job.objects.all(Kind::image)) {
        if (!call.job.objects.at(each.row) || each.id.empty() || (dangling_only && !each.name.empty())) continue;
        const bool used = std::ranges::any_of(containers, [&](const Json& container) { return container.value("ImageID", "") == each.id; });
        const auto image = used ? std::nullopt : co_await call.services.images.inspect(each.id);
        if (!image) continue;
        const Json config = image->value("Config", Json::object());
        const Json labels = config.is_object() ? config.value("Labels", Json::object()) : Json::object();
        if (!filters.labels_match(labels.is_object() ? labels : Json::object())) continue;
        if (until && rules::parse_date(image->value("Created", "")).value_or(0) >= *until) continue;
        const std::size_t before = report.size();
        bool dropped = false;
        try {
            co_await drop_image(call, each, false, true, report);
            dropped = true;
        } catch (const Refused&) {
            // In use after all: a prune leaves it.
        }
        // A layer on which only other jobs' images rest is no longer this job's; it goes with theirs.
        if (!dropped && each.name.empty() && !co_await has_own_child(call, each.id)) co_await call.job.objects.gone(each.row);
        for (std::size_t at = before; at < report.size(); ++at)
            if (report[at].value("Deleted", "") == each.id) space += image->value("Size", std::int64_t{0});
    }
    co_await call.client.reply_json(200, {{"ImagesDeleted", report}, {"SpaceReclaimed", space}});
}

}  // namespace broker
