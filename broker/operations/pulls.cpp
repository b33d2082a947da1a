#include <algorithm>

#include "broker/engine/image_cache.h"
#include "broker/exchange/dial.h"
#include "broker/exchange/relay.h"
#include "broker/operations/operations.h"
#include "rules/names/reference.h"
#include "rules/policy/image_policy.h"
#include "rules/views/messages.h"

// Pulls: by a client, and of what a build rests on.
namespace broker {
namespace {

using rules::Json;
using rules::Op;
using rules::Reference;


/// The digest that the registry has for `reference`, asked with the credentials `auth`.
Task<std::string> digest_at_registry(Call& call, const Reference& reference, const std::string& auth)
{
    EngineRequest request{.op = Op::distribution_inspect, .id = reference.familiar()};
    request.registry_auth = auth;
    const Answer answer = co_await exchange(call, request);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    const Json::json_pointer at("/Descriptor/digest");
    const Json found = answer.json();
    if (!found.contains(at) || !found.at(at).is_string()) throw EngineFailure("distribution inspect has an unknown shape");
    co_return found.at(at).get<std::string>();
}

/// What the engine is asked for, so that the job gets `reference` and nobody else's name or image changes hands.
Task<Reference> fetched_for(Call& call, const Reference& reference, const std::string& auth)
{
    const bool of_host = reference.digest.empty() && co_await call.services.cache.is_of_host(reference.familiar());
    Reference fetched = reference;
    if (reference.digest.empty() && !of_host) co_return fetched;
    // A manifest that the engine has kept is not asked for again when it is pulled by digest: whoever knows the digest would get the image.
    // So the registry is asked first whether these credentials may read it.
    const std::string digest = co_await digest_at_registry(call, reference, auth);
    // A name that the host has by itself stays what it is: what the registry has under it comes by its digest.
    if (of_host) {
        fetched.digest = or_refuse(rules::parse_reference(reference.repository() + "@" + digest)).digest;
        fetched.tag.clear();
    }
    co_return fetched;
}

/// Lines of a pull of `fetched`, as those of a pull of `reference` read.
std::string lines_of_pull(std::string_view lines, const Reference& reference, const Reference& fetched)
{
    if (fetched == reference) return std::string(lines);
    std::string out;
    while (!lines.empty()) {
        const std::string_view line = rules::take_line(lines);
        Json message = rules::read_message(line);
        const std::string status = message.is_object() ? message.value("status", "") : std::string();
        const std::size_t named = status.find(fetched.familiar());
        const std::string id = message.is_object() ? message.value("id", "") : std::string();
        if (id == fetched.digest || id == fetched.familiar())  // newer engines
            message["id"] = reference.tag;
        else if (named != status.npos)
            message["status"] = status.substr(0, named) + reference.familiar() + status.substr(named + fetched.familiar().size());
        else {
            out += line;
            continue;
        }
        out += message.dump() + "\r\n";
    }
    return out;
}

/// One pull by the engine, its lines to `sink`. False when it failed.
Task<bool> pull_once(Call& call, const EngineRequest& request, const LineSink& sink)
{
    Upstream upstream = co_await call.services.engine.send(request);
    const CutWithJob while_relayed(call.connection, upstream);
    const ResponseHead head = co_await answer_head(call, upstream);
    bool failed = false;
    const auto watched = [&](std::string_view lines) -> Task<> {
        for (std::string_view rest = lines; !rest.empty();) {
            const Json message = rules::read_message(rules::take_line(rest));
            if (message.is_object() && (message.contains("errorDetail") || message.contains("error"))) failed = true;
        }
        co_await sink(lines);
    };
    co_await pass_lines(upstream, head, watched);
    co_return !failed;
}

/// What was pulled becomes the job's as `name`, and is from then on held by a reference of its own. False when it is not there any more:
/// under other names the same image may be removed meanwhile, by the collector or by somebody on the host.
Task<bool> keep_pulled(Call& call, const std::string& name, ImageCache::Pull& pull)
{
    const auto arrived = co_await call.services.images.arrived(pull.name());
    if (!arrived) co_await call.services.cache.refused(pull);
    const std::string id = or_refuse(arrived);
    if (id.empty()) co_return false;
    try {
        co_await keep_image(call, name, id, db::Origin::pulled);
    } catch (const Refused& refused) {
        if (refused.error.status != 404) throw;
        co_return false;
    }
    co_await call.services.cache.pulled(pull, id, call.job.profile.image_cache == "none" ? std::string() : call.job.profile.name);
    co_return true;
}

EngineRequest pull_request(Call& call, const Reference& fetched, const std::string& platform, const std::string& auth)
{
    EngineRequest request{.op = Op::image_create};
    request.version = call.route.version;
    request.query.set("fromImage", fetched.repository());
    request.query.set("tag", fetched.digest.empty() ? fetched.tag : fetched.digest);
    if (!platform.empty()) request.query.set("platform", platform);
    request.registry_auth = auth;
    return request;
}

}  // namespace

Task<> inspect_distribution(Call& call)
{
    Reference reference = or_refuse(rules::parse_reference(call.route.id));
    if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
    enforce(call, [&](const rules::Profile& profile) { return rules::check_pull(reference, profile); });
    const rules::DialTarget registry = or_refuse(rules::dial_target(reference.domain));
    co_await check_dial(call, registry, "name");
    EngineRequest request = call.request();
    request.id = reference.familiar();
    request.registry_auth = std::string(call.head.header("x-registry-auth"));
    const Answer answer = co_await ask(call, request);
    co_await call.client.reply_json(200, answer.json());
}

Task<bool> pull_for(Call& call, const Reference& reference, const std::string& platform, const std::string& auth, const LineSink& sink)
{
    constexpr int pulls_max = 3;
    enforce(call, [&](const rules::Profile& profile) { return rules::check_pull(reference, profile); });
    const rules::DialTarget registry = or_refuse(rules::dial_target(reference.domain));
    const std::string name = reference.familiar();
    ImageCatalogue& images = call.services.images;
    const auto among_others = co_await images.among_others_under(name);
    co_await check_dial(call, registry, "fromImage");
    const Reference fetched = co_await fetched_for(call, reference, auth);
    const auto under_digest = co_await images.among_others_under(fetched.familiar());
    const EngineRequest request = pull_request(call, fetched, platform, auth);
    const auto shown = [&](std::string_view lines) -> Task<> {
        const std::string seen = lines_of_pull(lines, reference, fetched);
        co_await sink(seen);
    };

    ImageCache::Pull pull(call.services.cache, fetched.familiar());
    co_await call.services.cache.begin(pull);
    for (int pulls = 0; pulls < pulls_max; ++pulls) {
        co_await check_dial(call, registry, "fromImage");
        if (!co_await pull_once(call, request, shown)) co_return false;
        if (co_await keep_pulled(call, name, pull)) co_return true;
    }
    throw Refused{{409, "berth: " + name + " was removed from the engine each time that it had been pulled"}};
}

Task<> pull_image(Call& call)
{
    if (call.route.query.get("fromImage").empty()) {
        co_await import_image(call);
        co_return;
    }
    if (call.head.framing != Framing::none) throw Refused{{400, "a pull has no body"}};
    const Reference reference = or_refuse(rules::pulled_reference(call.route.query));
    const std::string platform(call.route.query.get("platform")), auth(call.head.header("x-registry-auth"));
    call.client.will_send_messages();
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

}  // namespace broker
