#include <algorithm>

#include "broker/archives/image_archive.h"
#include "broker/archives/tar_filter.h"
#include "broker/engine/image_cache.h"
#include "broker/engine/images.h"
#include "broker/exchange/dial.h"
#include "broker/exchange/relay.h"
#include "broker/io/aside.h"
#include "broker/operations/operations.h"
#include "rules/build/dockerfile.h"
#include "rules/names/reference.h"
#include "rules/policy/image_policy.h"
#include "rules/views/messages.h"

// Images that come from elsewhere than a build or a registry, and images that go to one.
namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// What a job asks a new image to be called: a familiar tag, or nothing.
std::string asked_name(const rules::Query& query)
{
    std::string text(query.get("repo"));
    if (text.empty()) return text;
    if (const auto tag = query.get("tag"); !tag.empty()) text += ":" + std::string(tag);
    const rules::Reference reference = or_refuse(rules::parse_reference(text));
    if (!reference.digest.empty()) throw Refused{{400, "refusing to create a tag with a digest reference"}};
    return reference.familiar_tagged();
}

/// The place of an image that is about to be made: recorded before the engine is asked, so that it is found whatever
/// happens, and held by a reference of the job's from its first moment.
class ReservedName {
public:
    /// For `name`; for an image without one, under a reference of ours that nothing else has.
    static Task<ReservedName> reserve(Call& call, const std::string& name)
    {
        const std::string& key = call.job.facts.key;
        std::string real = name.empty() ? new_building_reference(key)
                                        : or_refuse(rules::real_reference(key, or_refuse(rules::parse_reference(name))));
        if (!name.empty()) co_await hold_before_move(call, name);
        co_return co_await take(call, name, std::move(real));
    }

    /// For the image `id`, which gets no name.
    static Task<ReservedName> reserve_nameless(Call& call, const std::string& id)
    {
        co_return co_await take(call, {}, rules::holding_reference(call.job.facts.key, id));
    }

    const std::string& real() const { return real_; }

    std::string repository() const { return real_.substr(0, real_.rfind(':')); }
    std::string tag() const { return real_.substr(real_.rfind(':') + 1); }

    /// Afterwards the row is what the engine has; the image's id, empty when nothing was made. One that no job may have is taken away again.
    Task<rules::Result<std::string>> settle(Call& call) const
    {
        Objects& objects = call.job.objects;
        const auto turn = co_await call.job.naming.hold();
        auto arrived = co_await call.services.images.arrived(real_);
        if (const db::Object* before = objects.at(row_); arrived && !arrived->empty() && before && before->id != *arrived)
            if (auto named = check_names(objects, *arrived); !named) arrived = tl::unexpected(named.error());
        if (!arrived) {
            co_await call.services.images.untag(real_);
            co_await objects.gone(row_);
            co_return tl::unexpected(arrived.error());
        }
        const std::string& id = *arrived;
        const db::Object* row = objects.at(row_);
        if (!row) co_return id;
        if (id.empty()) {
            if (row->id.empty()) co_await objects.gone(row_);
        } else if (row->id != id) {
            co_await objects.live(row_, id);
        }
        if (!id.empty()) co_await drop_nameless(call, id);
        co_return id;
    }

private:
    static Task<ReservedName> take(Call& call, std::string name, std::string real)
    {
        ReservedName place;
        place.real_ = std::move(real);
        if (const db::Object* held = name.empty() ? nullptr : call.job.objects.named(Kind::image, name)) place.row_ = held->row;
        if (name.empty())
            for (const db::Object& each : call.job.objects.all(Kind::image))
                if (each.real == place.real_) place.row_ = each.row;
        if (place.row_ == 0) {
            db::Object object;
            object.kind = Kind::image;
            object.name = name;
            object.real = place.real_;
            place.row_ = co_await call.job.objects.intend(std::move(object));
        }
        co_return place;
    }

    std::string real_;
    std::int64_t row_ = 0;
};

/// The changes that a new image of `call` is made with are judged as instructions of a Dockerfile. `configs`: the settings that they change.
void check_changes(const Call& call, const std::vector<Json>& configs)
{
    std::size_t longest = 0;
    for (const Json& each : configs) longest = std::max(longest, rules::longest_variable(each));
    or_refuse(rules::check_changes(call.route.query.all("changes"), longest));
}

/// The public name of a push: on the engine for as long as the push lasts. One that the host has by itself is not lent.
class Lent {
public:
    Lent(Call& call, std::string name) : call_(call), name_(std::move(name)) {}

    Task<> begin(std::string id)
    {
        Images& images = call_.services.images;
        co_await want_no_name_of_host(id);
        const auto before = co_await images.inspect(name_);
        lent_ = {name_, std::move(id), before ? before->value("Id", "") : std::string()};
        db::Object object;
        object.kind = Kind::image;
        object.real = name_;
        object.parent = kept_text(lent_);  // how the reap finds the way back
        row_ = co_await call_.job.objects.intend(std::move(object));
        const Answer tagged = co_await images.tag(lent_.image, name_);
        if (!tagged.ok()) throw Refused{error_of(call_, tagged)};
        call_.job.objects.begin_push(name_);
    }

    /// The engine's own tag as it was.
    Task<> end(const std::string& digest)
    {
        call_.job.objects.end_push(name_);
        co_await call_.services.images.give_back(lent_, digest);
        co_await call_.job.objects.gone(row_);
    }

private:
    /// The tag is not the host's own, nor a digest of the image in its repository, which the engine would take away with the tag.
    Task<> want_no_name_of_host(const std::string& id)
    {
        const std::string repository = name_.substr(0, name_.rfind(':'));
        const auto image = co_await call_.services.images.inspect(id);
        std::vector<std::string> names = {name_};
        if (image && names_in(*image, "RepoTags", repository + ":").empty())
            for (std::string& digest : names_in(*image, "RepoDigests", repository + "@")) names.push_back(std::move(digest));
        for (const std::string& name : names)
            if (co_await call_.services.cache.is_of_host(name))
                throw Refused{{409, "berth: the host has an image of its own as " + name + ", which this push would take for itself: `docker tag` yours as something else and push that, "
                                    "or ask the operator to rename the host's"}};
    }

    /// Those of the image's names under `key` that begin with `start`.
    static std::vector<std::string> names_in(const Json& image, const char* key, const std::string& start)
    {
        std::vector<std::string> names;
        const Json list = image.value(key, Json());
        for (const Json& each : list.is_array() ? list : Json::array())
            if (each.is_string() && each.get_ref<const std::string&>().starts_with(start)) names.push_back(each.get<std::string>());
        return names;
    }

    Call& call_;
    std::string name_;
    LentName lent_;
    std::int64_t row_ = 0;
};

/// The job's images under each of its tags of `repository`.
std::vector<rules::Named> tags_of_repository(Call& call, const std::string& repository)
{
    std::vector<rules::Named> images;
    for (const db::Object& each : call.job.objects.all(Kind::image)) {
        const auto named = rules::parse_reference(each.name);
        if (each.id.empty() || each.name.empty() || !named || !named->digest.empty() || named->repository() != repository) continue;
        images.push_back({each.id, each.name, each.real});
    }
    return images;
}

/// The job's tags that `call` pushes: the one asked for, or all of the repository.
std::vector<rules::Named> pushed(Call& call, const rules::Reference& reference)
{
    std::vector<rules::Named> images;
    if (const std::string tag(call.route.query.get("tag")); !tag.empty() || !reference.tag.empty()) {
        const std::string name = reference.repository() + ":" + (tag.empty() ? reference.tag : tag);
        const db::Object* image = call.job.objects.named(Kind::image, or_refuse(rules::parse_reference(name)).familiar_tagged());
        if (!image || image->id.empty()) throw Refused{{404, "An image does not exist locally with the tag: " + reference.repository()}};
        images.push_back({image->id, image->name, image->real});
        return images;
    }
    images = tags_of_repository(call, reference.repository());
    if (images.empty()) throw Refused{{404, "An image does not exist locally with the tag: " + reference.repository()}};
    return images;
}

/// What the engine is asked to save for `name`: an image by its id, by one tag, or all tags of a repository.
std::vector<std::string> saved(Call& call, const std::string& name)
{
    const auto reference = rules::parse_reference(name);
    std::vector<std::string> reals;
    if (reference && reference->tag.empty() && reference->digest.empty() && !rules::full_image_id(name))
        for (const rules::Named& each : tags_of_repository(call, reference->repository())) reals.push_back(each.real);
    if (!reals.empty()) return reals;
    const rules::Named image = or_refuse(call.job.objects.image(name));
    const bool by_tag = reference && reference->familiar() == image.name && reference->digest.empty();
    return {by_tag ? image.real : image.id};
}

/// The digest that a push gave the image, from the last of its lines.
std::string digest_in(std::string_view lines)
{
    std::string digest;
    while (!lines.empty()) {
        const Json message = rules::read_message(rules::take_line(lines));
        const Json::json_pointer at("/aux/Digest");
        if (message.is_object() && message.contains(at) && message.at(at).is_string()) digest = message.at(at).get<std::string>();
    }
    return digest;
}

/// Pushes `name`, which is on the engine; its lines go to `sink`. The digest that it was given; empty when it failed.
Task<std::string> push_public(Call& call, const rules::Reference& name, const LineSink& sink)
{
    EngineRequest request{.op = Op::image_push, .id = name.repository()};
    request.version = call.route.version;
    request.query.set("tag", name.tag);
    request.registry_auth = std::string(call.head.header("x-registry-auth"));
    Upstream upstream = co_await call.services.engine.send(request);
    const ResponseHead head = co_await upstream.read_head();
    if (head.status >= 400) {
        constexpr std::size_t error_max = 256 * 1024;
        std::string body = co_await upstream.read_body(head, error_max);
        throw Refused{error_of(call, {head.status, std::string(head.header("content-type")), std::move(body)})};
    }
    std::string digest;
    const auto watched = [&](std::string_view lines) -> Task<> {
        if (std::string told = digest_in(lines); !told.empty()) digest = std::move(told);
        co_await sink(lines);
    };
    co_await pass_lines(upstream, head, watched);
    co_return digest;
}

/// Pushes one image of the job under its public name, which for so long is this push's alone.
Task<> push_one(Call& call, const rules::Named& image, const LineSink& sink)
{
    const rules::Reference name = or_refuse(rules::parse_reference(image.name));
    const rules::DialTarget registry = or_refuse(rules::dial_target(name.domain));
    const std::vector<std::string> names = call.job.objects.references_of(image.id);
    const bool has_digest = std::ranges::any_of(names, [&](const std::string& each) { return each.starts_with(name.repository() + "@"); });
    if (!has_digest) or_refuse(check_names(call.job.objects, image.id));
    std::optional<Images::Use> alone;
    const auto wait = [&]() -> Task<> { alone.emplace(co_await call.services.images.alone_under(name.familiar_tagged())); };
    co_await while_client_stays(call, wait());
    co_await check_dial(call, registry, "name");
    Lent lent(call, name.familiar_tagged());
    {
        const Making making(call);
        co_await lent.begin(image.id);
    }
    std::string digest;
    std::exception_ptr ended;
    const auto push = [&]() -> Task<> { digest = co_await push_public(call, name, sink); };
    try {
        co_await while_client_stays(call, push());
    } catch (...) {
        ended = std::current_exception();
    }
    {
        const Recording recording(call.connection);
        co_await lent.end(digest);
        if (!digest.empty() && call.job.objects.by_id(Kind::image, image.id))
            co_await keep_image(call, name.repository() + "@" + digest, image.id, db::Origin::made);
    }
    if (ended) std::rethrow_exception(ended);
}

}  // namespace

Task<> import_image(Call& call)
{
    or_refuse(rules::check_import(call.route.query));
    check_changes(call, {});
    const std::string name = asked_name(call.route.query);
    const Making making(call);
    const ReservedName place = co_await ReservedName::reserve(call, name);
    EngineRequest request = call.request();
    request.query.set("repo", place.repository());
    request.query.set("tag", place.tag());
    const auto view = [&](std::string_view line) { return shown(call, std::string(line)); };
    const auto settle = [&]() -> Task<> { or_refuse(co_await place.settle(call)); };
    std::exception_ptr ended;
    try {
        co_await upload_for_lines(call, request, view, settle);
    } catch (...) {
        ended = std::current_exception();
    }
    if (!ended) co_return;
    co_await place.settle(call);
    std::rethrow_exception(ended);
}

Task<> commit_container(Call& call)
{
    const rules::Named container = or_refuse(call.job.objects.container(call.route.query.get("container")));
    const std::string name = asked_name(call.route.query);
    if (!call.route.query.all("changes").empty()) {
        const EngineRequest inspect{.op = Op::container_inspect, .id = container.id};
        const Answer answer = co_await ask(call, inspect);
        const Json found = co_await json_of(answer);
        check_changes(call, {found.value("Config", Json::object()), call.body});
    }
    const Making making(call);
    const ReservedName place = co_await ReservedName::reserve(call, name);
    EngineRequest request = call.request();
    request.query.set("container", container.id);
    request.query.set("repo", place.repository());
    request.query.set("tag", place.tag());
    request.body = rules::rewrite_commit(call.body);
    const Answer answer = co_await exchange(call, request);
    const auto id = co_await place.settle(call);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    co_await call.client.reply_json(201, {{"Id", or_refuse(id)}});
}

Task<> load_images(Call& call)
{
    Spool spool(call.job.spooled);
    co_await receive_archive(call, spool);
    rules::Result<CarriedImages> read;
    {
        const auto turn = co_await call.job.unpacking.hold();
        co_await aside([&] { read = read_images(spool); }, Aside::archive);
    }
    const CarriedImages carried = or_refuse(std::move(read));

    const Making making(call);
    std::size_t names = 0;
    for (const CarriedImage& image : carried.images) names += std::max<std::size_t>(image.tags.size(), 1);
    check_room(call, Kind::image, names);
    std::vector<ReservedName> places;
    std::vector<std::vector<std::string>> tags;
    for (const CarriedImage& image : carried.images) {
        std::vector<std::string>& own = tags.emplace_back();
        if (image.tags.empty()) places.push_back(co_await ReservedName::reserve_nameless(call, image.id));
        for (const std::string& tag : image.tags) places.push_back(co_await ReservedName::reserve(call, tag));
        for (std::size_t at = places.size() - std::max<std::size_t>(image.tags.size(), 1); at < places.size(); ++at) own.push_back(places[at].real());
    }
    const auto view = [&](std::string_view line) {
        // What a place without a name is called shows as the image's id.
        std::string text = shown(call, std::string(line));
        constexpr std::string_view by_name = "Loaded image: sha256:", by_id = "Loaded image ID: sha256:";
        if (const std::size_t at = text.find(by_name); at != text.npos) text.replace(at, by_name.size(), by_id);
        return text;
    };
    const auto settle_all = [&]() -> Task<> {
        rules::Result<void> all;
        for (const ReservedName& place : places)
            if (const auto settled = co_await place.settle(call); !settled && all) all = tl::unexpected(settled.error());
        or_refuse(all);
    };
    const auto body = [&](Upstream& upstream) -> Task<> {
        const auto turn = co_await call.job.unpacking.hold();
        ImagesWriter archive(spool, carried, tags);
        co_await send_archive(upstream, archive);
    };
    std::exception_ptr ended;
    try {
        const EngineRequest request = call.request();
        co_await send_for_lines(call, request, std::nullopt, body, view, settle_all);
    } catch (...) {
        ended = std::current_exception();
    }
    if (!ended) co_return;
    co_await settle_all();
    std::rethrow_exception(ended);
}

Task<> save_images(Call& call)
{
    EngineRequest request = call.request();
    request.op = Op::image_get_many;
    request.id.clear();
    std::vector<std::string> names = call.route.query.all("names");
    if (call.route.endpoint->kind == Kind::image) names = {call.route.id};
    request.query.erase("names");
    for (const std::string& name : names)
        for (std::string& real : saved(call, name)) request.query.add("names", std::move(real));

    const auto pass = [&]() -> Task<> {
        Upstream upstream = co_await call.services.engine.send(request);
        const UpstreamShown while_relayed(call.connection, upstream);
        const ResponseHead head = co_await upstream.read_head();
        if (head.status >= 400) {
            constexpr std::size_t error_max = 256 * 1024;
            std::string body = co_await upstream.read_body(head, error_max);
            throw Refused{error_of(call, {head.status, std::string(head.header("content-type")), std::move(body)})};
        }
        co_await call.client.begin(200, "application/x-tar");
        BodyReader body(upstream.wire(), head);
        TarFilter filter({std::begin(rules::naming_files), std::end(rules::naming_files)}, [&call](std::string_view file, std::string_view text) {
            return rules::view_naming_file(call.job.facts.key, file, text);
        });
        for (;;) {
            const std::string_view piece = co_await body.next();
            if (piece.empty()) break;
            co_await call.client.piece(filter.pass(piece));
        }
        filter.end();
        upstream.finished(head);
        co_await call.client.end();
    };
    co_await while_client_stays(call, pass());
}

Task<> push_image(Call& call)
{
    const rules::Reference reference = or_refuse(rules::parse_reference(call.route.id));
    if (!reference.digest.empty()) throw Refused{{400, "cannot push a digest reference"}};
    const std::vector<rules::Named> images = pushed(call, reference);
    call.client.will_send_messages();
    const auto pass = [&](std::string_view lines) -> Task<> {
        if (!call.client.answered()) co_await call.client.begin(200, "application/json");
        const std::string seen = rules::view_push(lines);
        co_await call.client.piece(seen);
    };
    for (const rules::Named& image : images) co_await push_one(call, image, pass);
    if (!call.client.answered()) co_await call.client.begin(200, "application/json");
    co_await call.client.end();
}

}  // namespace broker
