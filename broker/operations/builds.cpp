#include "broker/images.h"
#include "broker/operations.h"
#include "broker/relay.h"
#include "rules/build_output.h"
#include "rules/names.h"
#include "rules/reference.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// A parameter that holds JSON, read strictly and written anew; nothing when it is empty.
std::optional<Json> json_parameter(const rules::Query& query, std::string_view key)
{
    const std::string_view text = query.get(key);
    if (text.empty()) return std::nullopt;
    Json value = want(rules::parse_json(text));
    if (value.is_null()) return std::nullopt;
    return value;
}

/// The network of the RUN steps: the job's own, never docker0.
Task<std::string> network_of(Call& call)
{
    const std::string mode(call.route.query.get("networkmode"));
    if (mode == "none") co_return mode;
    if (mode == "host")
        throw Refused{rules::denied("host-namespace", "networkmode", mode, "leave --network out, or use --network none").value()};
    if (mode.starts_with("container:")) co_return "container:" + want(call.job.objects.container(mode.substr(10))).id;
    if (mode.empty() || mode == "default" || mode == "bridge") {
        co_await ensure_default_network(call);
        co_return want(call.job.objects.network("bridge")).real;
    }
    co_return want(call.job.objects.network(mode)).real;
}

std::vector<std::string> claimed_tags(const rules::Query& query)
{
    std::vector<std::string> tags;
    for (const std::string& text : query.all("t")) {
        const rules::Reference reference = want(rules::parse_reference(text));
        if (!reference.digest.empty()) throw Refused{{400, "build tag cannot contain a digest", {}, {}, {}}};
        tags.push_back(reference.familiar_tagged());
    }
    return tags;
}

/// The query that is sent: ours where it decides about the host, the client's where it only shapes the image.
Task<rules::Query> build_query(Call& call, const std::vector<std::string>& tags)
{
    rules::Query query = call.route.query;
    query.erase("t");
    for (const std::string& tag : tags) query.add("t", tag);
    query.set("networkmode", co_await network_of(call));
    query.set("rm", "1");
    query.set("forcerm", "1");
    query.erase("q");  // quiet is made here: what the builder prints is needed to judge it
    if (auto args = json_parameter(query, "buildargs")) query.set("buildargs", args->dump());
    if (auto labels = json_parameter(query, "labels")) {
        if (!labels->is_object()) throw Refused{{400, "labels must be a JSON object", {}, {}, {}}};
        Json kept = Json::object();
        for (const auto& [key, value] : labels->items())
            if (!rules::is_own_label(key)) kept[key] = value;
        query.set("labels", kept.dump());
    }
    if (auto sources = json_parameter(query, "cachefrom")) {
        Json visible = Json::array();
        if (sources->is_array())
            for (const Json& each : *sources)
                if (each.is_string())
                    if (const auto image = call.job.objects.image(each.get<std::string>())) visible.push_back(image->id);
        query.set("cachefrom", visible.dump());
    }
    co_return query;
}

/// Records what the build left on the engine: its tags, its result, and every layer image without a name.
Task<> record_build(Call& call, const rules::BuildOutput& output, const std::vector<std::string>& tags)
{
    Images& images = call.services.images;
    for (const std::string& reference : output.pulled()) {
        const auto parsed = rules::parse_reference(reference);
        if (!parsed) continue;
        const auto image = co_await images.inspect(parsed->familiar_tagged());
        if (image) co_await record_image(call, parsed->familiar_tagged(), image->value("Id", ""), db::Origin::pulled);
    }
    for (const std::string& tag : tags) {
        const auto image = co_await images.inspect(tag);
        if (image) {
            co_await record_image(call, tag, image->value("Id", ""), db::Origin::made);
        } else if (const db::Object* row = call.job.objects.named(Kind::image, tag)) {
            co_await call.job.objects.gone(row->row);
            images.release(tag, call.job.facts.key);
        }
    }
    std::vector<std::string> ids = output.made();
    if (!output.result().empty()) ids.push_back(output.result());
    for (const std::string& id : ids) {
        const auto image = co_await images.inspect(id);
        if (!image) continue;
        const bool named = !rules::is_zero(image->value("RepoTags", Json())) || !rules::is_zero(image->value("RepoDigests", Json()));
        const std::string full = image->value("Id", "");
        if (!named && !call.job.objects.by_id(Kind::image, full)) co_await record_image(call, {}, full, db::Origin::made);
    }
}

}  // namespace

Task<> build_image(Call& call)
{
    Job& job = call.job;
    const bool quiet = call.route.query.flag("q");
    const std::vector<std::string> tags = claimed_tags(call.route.query);
    EngineRequest request = call.request();
    request.query = co_await build_query(call, tags);
    request.registry_config = std::string(call.head.header("x-registry-config"));
    for (const std::string& tag : tags) {
        want(co_await call.services.images.claim(tag, job.facts.key));
        if (job.objects.named(Kind::image, tag)) continue;
        db::Object object;
        object.kind = Kind::image;
        object.name = object.real = tag;
        co_await job.objects.intend(std::move(object));
    }

    const Making making(call);
    rules::BuildOutput output(job.objects);
    const auto view = [&](std::string_view line) -> std::string {
        const Json message = Json::parse(line, nullptr, false);
        want(output.read(message));
        const bool kept = !quiet || message.contains("error") || message.contains("aux");
        return kept ? rules::scrub(job.facts.key, line) : std::string();
    };
    bool recorded = false;
    const auto record = [&]() -> Task<> {
        recorded = true;
        co_await record_build(call, output, tags);
        if (quiet && !output.failed() && !output.result().empty()) co_await call.client.piece(Json({{"stream", output.result() + "\n"}}).dump() + "\r\n");
    };
    const auto length = call.head.framing == Framing::length ? std::optional(call.head.length) : std::nullopt;
    const auto relay = [&]() -> Task<> {
        Upstream upstream = co_await call.services.engine.send_head(request, length, "application/x-tar");
        const UpstreamShown while_relayed(call.connection, upstream);
        const auto answer = [&]() -> Task<> {
            const ResponseHead head = co_await upstream.read_head();
            co_await relay_lines(call, upstream, head, view, record);
        };
        const auto send = [&]() -> Task<> {
            co_await upload(call, upstream);
            co_await pause(std::chrono::hours(24 * 365));
        };
        co_await race(answer(), send());
    };

    std::exception_ptr ended;
    std::optional<rules::Error> foreign_base;
    try {
        co_await while_client_stays(call, relay());
    } catch (const Refused& refused) {
        foreign_base = refused.error;
        ended = std::current_exception();
    } catch (...) {
        ended = std::current_exception();
    }
    // However it ended, what is on the engine now is the job's.
    if (!recorded) co_await record_build(call, output, tags);
    if (foreign_base && call.client.answered()) {
        const Json last = {{"errorDetail", {{"message", foreign_base->message}}}, {"error", foreign_base->message}};
        co_await call.client.piece(last.dump() + "\r\n");
        co_await call.client.end();
        call.client.will_close();
        co_return;
    }
    if (ended) std::rethrow_exception(ended);
}

Task<> prune_builds(Call& call)
{
    // The classic builder's cache is the host's images; a job has none of its own to prune.
    co_await call.client.reply_json(200, {{"CachesDeleted", Json::array()}, {"SpaceReclaimed", 0}});
}

}  // namespace broker
