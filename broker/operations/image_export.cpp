#include <algorithm>

#include "broker/archives/tar_filter.h"
#include "broker/engine/image_cache.h"
#include "broker/engine/images.h"
#include "broker/exchange/dial.h"
#include "broker/exchange/relay.h"
#include "broker/operations/operations.h"
#include "rules/build/image_archive.h"
#include "rules/names/image_names.h"
#include "rules/names/reference.h"
#include "rules/views/messages.h"

// Images that leave: a push goes to its registry under the public name, which for so long is on the engine for this push alone; a save is the
// engine's archive with the job's names in it.
namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// The public name of a push: on the engine for as long as the push lasts. One that the host has by itself is not lent.
class Lent {
public:
    Lent(Call& call, std::string name) : call_(call), name_(std::move(name)) {}

    Task<> begin(std::string id)
    {
        ImageCatalogue& images = call_.services.images;
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
    /// Refuses when the tag is the host's own, or a digest of the image in that repository is: to untag would remove the digest, too.
    Task<> want_no_name_of_host(const std::string& id)
    {
        const std::string repository = name_.substr(0, name_.rfind(':'));
        const auto image = co_await call_.services.images.inspect(id);
        std::vector<std::string> names = {name_};
        if (image && names_in(*image, "RepoTags", repository + ":").empty())
            for (std::string& digest : names_in(*image, "RepoDigests", repository + "@")) names.push_back(std::move(digest));
        for (const std::string& name : names)
            if (co_await call_.services.cache.is_of_host(name))
                throw Refused{{409, "berth: the host has an image of its own as " + name +
                                        ", which this push would take for itself: `docker tag` yours as something else and push that, "
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
    PushTag lent_;
    std::int64_t row_ = 0;
};

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
    const ResponseHead head = co_await answer_head(call, upstream);
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
    std::optional<ImageCatalogue::Use> alone;
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

}  // namespace

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
        const CutWithJob while_relayed(call.connection, upstream);
        const ResponseHead head = co_await answer_head(call, upstream);
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

}  // namespace broker
