#include "rules/judge/verdict.h"

#include "rules/bodies/parts.h"
#include "rules/build/dockerfile.h"
#include "rules/names/names.h"
#include "rules/names/reference.h"
#include "rules/policy/dial.h"
#include "rules/policy/endpoint_policy.h"
#include "rules/policy/image_policy.h"
#include "rules/profile/knobs.h"

namespace rules {
namespace {

/// A Result without its value.
template <class T>
Result<void> judged(const Result<T>& result)
{
    return result ? Result<void>() : tl::unexpected(result.error());
}

/// Nobody in particular, whose requests are sent in `version`.
RewriteContext sent_in(Version version)
{
    RewriteContext context{};
    context.version = version;
    return context;
}

/// The name that a client gives a new object; it may leave it to the engine.
Result<void> check_name(Kind kind, std::string_view name)
{
    return name.empty() ? Result<void>() : judged(checked_name(kind, name));
}

Result<void> judge_container(Json body, const Json& facts, const Lookup& job, const Profile& profile)
{
    const Result<ContainerNeeds> needs = judge_container_create(body, job, profile);
    if (!needs) return judged(needs);
    const Json image = facts.value("image", Json::object());
    if (const auto merged = merge_image_config(body, image, profile); !merged) return merged;
    for (std::size_t volume = 0; volume < needs->volumes.size(); ++volume)
        if (const auto made = rewrite_volume_create(Json::object(), profile, {}); !made) return judged(made);
    return {};
}

/// Of a host by name it is not known what it stood for.
Result<void> judge_dial(const Result<DialTarget>& target, const Profile& profile, const std::string& field)
{
    if (!target) return judged(target);
    return needs_facts(*target, profile) && !target->is_address() ? Result<void>() : may_dial(*target, {}, profile, field);
}

Result<void> judge_login(const Result<DialTarget>& target, const Profile& profile)
{
    if (target && !target->is_hub())
        if (auto listed = check_registry(target->text, profile, "serveraddress"); !listed) return listed;
    return judge_dial(target, profile, "serveraddress");
}

Result<void> judge_pull(const Result<Reference>& reference, const Profile& profile)
{
    if (!reference) return judged(reference);
    if (auto pull = check_pull(*reference, profile); !pull) return pull;
    return judge_dial(dial_target(reference->domain), profile, "fromImage");
}

Result<void> judge_push(const std::string& name, const Profile& profile)
{
    const Result<Reference> reference = parse_reference(name);
    return reference ? judge_dial(dial_target(reference->domain), profile, "name") : judged(reference);
}

Result<void> judge_build(const Query& query, const Json& facts, const Profile& profile)
{
    if (const auto network = judge_build_network(std::string(query.get("networkmode")), profile); !network) return judged(network);
    Json hosts = build_hosts(query);
    if (auto rewritten = rewrite_hosts(hosts, "0.0.0.0"); !rewritten) return rewritten;
    const Result<Json> limits = asked_build_limits(query);
    if (!limits) return judged(limits);
    if (const auto bounded = judge_build_limits(*limits, profile); !bounded) return judged(bounded);
    for (const Json& base : facts.value("pulls", Json::array()))
        if (auto pull = judge_pull(parse_reference(base.get<std::string>()), profile); !pull) return pull;
    return {};
}

Result<void> judge_image_create(const Query& query, const Profile& profile)
{
    if (query.get("fromImage").empty()) {
        const auto import = check_import(query);
        return import ? check_changes(query.all("changes"), 0) : import;
    }
    return judge_pull(pulled_reference(query), profile);
}

/// What the operation of `route` asks of the rules beyond its endpoint and its schema (broker/operations/).
Result<void> judge_operation(const Route& route, const Json& body, const Json& facts, const Lookup& job,
                             const Profile& profile)
{
    switch (route.endpoint->op) {
        case Op::container_create:
            if (auto container = judge_container(body, facts, job, profile); !container) return container;
            return check_name(Kind::container, route.query.get("name"));
        case Op::container_update:
            return judged(rewrite_container_update(body, profile));
        case Op::exec_create:
            return judged(rewrite_exec_create(body, profile));
        case Op::network_create:
            if (auto named = check_name(Kind::network, text(body, "Name")); !named) return named;
            return judged(rewrite_network_create(body, profile, sent_in(route.version)));
        case Op::network_connect:
            return judged(rewrite_network_connect(body, job));
        case Op::volume_create:
            if (auto named = check_name(Kind::volume, text(body, "Name")); !named) return named;
            return judged(rewrite_volume_create(body, profile, {}));
        case Op::image_create:
            return judge_image_create(route.query, profile);
        case Op::image_push:
            return judge_push(route.id, profile);
        case Op::system_auth:
            return judge_login(login_target(text(body, "serveraddress")), profile);
        case Op::image_commit:
            return check_changes(route.query.all("changes"), 0);
        case Op::build:
            return judge_build(route.query, facts, profile);
        default:
            return {};
    }
}

Result<void> judge_under(const AskedRequest& asked, const Route& route, const Lookup& job, const Profile& profile, Version engine)
{
    if (auto open = check_endpoint(route, profile); !open) return open;
    Json body;
    if (route.endpoint->body == Body::json) {
        Result<Json> admitted = admit(asked.body.is_null() ? Json::object() : asked.body, *route.endpoint->schema);
        if (!admitted) return judged(admitted);
        if (auto known = check_since(*admitted, *route.endpoint->schema, engine); !known) return known;
        body = std::move(*admitted);
    }
    return judge_operation(route, body, asked.facts, job, profile);
}

Named any(std::string_view reference)
{
    return {std::string(64, 'a'), std::string(reference), "berth." + std::string(AnyLookup().key()) + ".any"};
}

}  // namespace

Verdict judge_request(const AskedRequest& asked, const Lookup& job, const Profile& profile, const Versions& versions)
{
    Verdict verdict;
    const Result<MatchedEndpoint> row = find_endpoint(asked.method, asked.target);
    if (row) verdict.endpoint = row->endpoint;
    const Result<Route> route = row ? route_to(*row, versions_under(versions, profile)) : tl::unexpected(row.error());
    Result<void> result = route ? judge_under(asked, *route, job, profile, versions.newest) : judged(route);
    if (result) return verdict;
    verdict.error = result.error();
    if (verdict.error.rule.empty())
        verdict.outcome = Outcome::failed;
    else if (route && profile.observes() && is_profile_key(verdict.error.rule) &&
             judge_under(asked, *route, job, permissive(profile), versions.newest))
        verdict.outcome = Outcome::observed;
    else
        verdict.outcome = Outcome::refused;
    return verdict;
}

Json image_facts(const Json& config)
{
    Json facts = Json::object();
    if (!config.is_object()) return facts;
    for (const char* key : {"User", "ExposedPorts", "Healthcheck"})
        if (const auto found = config.find(key); found != config.end() && !is_zero(*found)) facts[key] = *found;
    if (facts.contains("Healthcheck") && facts["Healthcheck"].is_object()) facts["Healthcheck"].erase("Test");
    return facts;
}

std::string_view AnyLookup::key() const
{
    return "aaaaaaaaaaaaaaaaaaaaaaaaaa";
}

Result<Named> AnyLookup::container(std::string_view reference) const
{
    if (reference.empty()) return not_found("No such container: ");
    return any(reference);
}

Result<Named> AnyLookup::network(std::string_view reference) const
{
    Named network = any(reference);
    network.real += "." + network.name;  // two networks are not one
    return network;
}

Result<Named> AnyLookup::volume(std::string_view name) const
{
    return not_found("get " + std::string(name) + ": no such volume");
}

Result<Named> AnyLookup::image(std::string_view reference) const
{
    if (reference.empty()) return not_found("No such image: ");
    return any(reference);
}

Result<Named> AnyLookup::exec(std::string_view id) const
{
    return any(id);
}

const JobPaths& AnyLookup::paths() const
{
    static const JobPaths all{{PathMount{"/", PathMount::Root::host, "/", "/"}}};
    return all;
}

}  // namespace rules
