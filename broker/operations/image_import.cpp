#include <algorithm>

#include "broker/archives/image_archive.h"
#include "broker/engine/images.h"
#include "broker/exchange/relay.h"
#include "broker/io/offload.h"
#include "broker/operations/operations.h"
#include "rules/build/dockerfile.h"
#include "rules/names/reference.h"
#include "rules/policy/image_policy.h"

// Images that come from elsewhere than a build or a registry: imports, commits, loads.
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
        if (!name.empty()) co_await hold_before_move(call, {name});
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
        const EngineRequest inspection = inspection_of(rules::Kind::container, container.id);
        const Answer answer = co_await ask(call, inspection);
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
        co_await offload([&] { read = read_images(spool); }, Threads::archive);
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

}  // namespace broker
