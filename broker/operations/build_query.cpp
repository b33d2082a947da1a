#include "broker/operations/build_query.h"

#include <algorithm>

#include "broker/engine/image_cache.h"
#include "broker/http/base64.h"
#include "broker/operations/operations.h"
#include "rules/names/names.h"
#include "rules/names/reference.h"
#include "rules/split.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;

/// The network of the RUN steps: the job's own, never docker0. By its real name, which no other job's has: steps that a crash left behind
/// are found by it.
Task<std::string> network_of(Call& call)
{
    const std::string asked(call.route.query.get("networkmode"));
    const std::string mode = enforce(call, [&](const rules::Profile& profile) { return rules::judge_build_network(asked, profile); });
    if (mode == "none") co_return mode;
    if (rules::shared_container(mode)) co_return or_refuse(rules::shared_namespace(mode, call.job.objects));
    if (mode == "bridge") co_await ensure_default_network(call);
    co_return or_refuse(call.job.objects.network(mode)).real;
}

/// `host-gateway` is the job's own address, as in its containers.
Task<> rewrite_build_hosts(Call& call, rules::Query& query)
{
    Json hosts = rules::build_hosts(query);
    if (rules::names_host_gateway(hosts)) co_await ensure_default_network(call);
    or_refuse(rules::rewrite_hosts(hosts, call.job.gateway));
    rules::write_build_hosts(query, hosts);
}

/// What the RUN containers may take of the host is judged as for any container.
void bound_containers(Call& call, rules::Query& query)
{
    const Json limits = or_refuse(rules::asked_build_limits(query));
    rules::write_build_limits(query, enforce(call, [&](const rules::Profile& profile) { return rules::judge_build_limits(limits, profile); }));
}

/// The builder takes steps over from images of the job only, and from `built`, what the profile keeps for it: what any other job ran, and
/// with which network, is not known.
void use_own_cache(rules::Query& query, const Job& job, const std::vector<std::string>& built)
{
    constexpr std::size_t most = 1000;  // they travel in the request's line
    Json sources = built;
    sources.erase(sources.begin(), sources.begin() + static_cast<std::ptrdiff_t>(built.size() - std::min(built.size(), most / 2)));
    std::vector<db::Object> images = job.objects.all(Kind::image);
    if (images.size() > most) images.erase(images.begin(), images.end() - most);
    for (const db::Object& each : images)
        if (!each.id.empty()) sources.push_back(each.id);
    if (sources.empty() || !job.profile.build_cache) query.set("nocache", "1");
    query.set("cachefrom", sources.dump());
}

}  // namespace

std::optional<Json> json_parameter(const rules::Query& query, std::string_view key)
{
    const std::string_view text = query.get(key);
    if (text.empty()) return std::nullopt;
    Json value = or_refuse(rules::parse_json(text));
    if (value.is_null()) return std::nullopt;
    return value;
}

std::vector<std::string> claimed_tags(const rules::Query& query)
{
    std::vector<std::string> tags;
    const std::vector<std::string> texts = query.all("t");
    if (texts.size() > rules::image_names_max) throw Refused{{400, "t is given more than " + std::to_string(rules::image_names_max) + " times"}};
    for (const std::string& text : texts) {
        const rules::Reference reference = or_refuse(rules::parse_reference(text));
        if (!reference.digest.empty()) throw Refused{{400, "build tag cannot contain a digest"}};
        tags.push_back(reference.familiar_tagged());
    }
    return tags;
}

Task<rules::Query> build_query(Call& call, const std::vector<std::string>& tags)
{
    rules::Query query = call.route.query;
    query.erase("t");
    for (const std::string& tag : tags) query.add("t", tag);
    query.set("networkmode", co_await network_of(call));
    co_await rewrite_build_hosts(call, query);
    query.set("rm", "1");
    query.set("forcerm", "1");
    query.erase("q");     // quiet is made here: what the builder prints tells what it made
    query.erase("pull");  // as are pulls
    if (auto args = json_parameter(query, "buildargs")) query.set("buildargs", args->dump());
    if (auto labels = json_parameter(query, "labels")) {
        if (!labels->is_object()) throw Refused{{400, "labels must be a JSON object"}};
        Json kept = Json::object();
        for (const auto& [key, value] : labels->items())
            if (!rules::is_own_label(key)) kept[key] = value;
        query.set("labels", kept.dump());
    }
    std::vector<std::string> built;
    if (call.job.profile.image_cache == "built") built = co_await call.services.cache.built(call.job.profile.name);
    use_own_cache(query, call.job, built);
    query.erase("cgroupparent");
    if (!call.job.cgroup.empty()) query.set("cgroupparent", call.job.cgroup);
    bound_containers(call, query);
    co_return query;
}

std::string auth_for(std::string_view domain, std::string_view registry_config)
{
    const auto text = from_base64(std::string(registry_config));
    const rules::Result<Json> all = rules::parse_json(text.value_or("null"));
    if (!all || !all->is_object()) return {};
    const std::string wanted = domain == "docker.io" ? "https://index.docker.io/v1/" : std::string(domain);
    for (const auto& [key, auth] : all->items()) {
        std::string_view host = key;
        if (key != wanted) {
            if (const std::size_t scheme = host.find("://"); scheme != host.npos) host.remove_prefix(scheme + 3);
            host = host.substr(0, host.find('/'));
        }
        if (key == wanted || host == domain) return to_base64url(auth.dump());
    }
    return {};
}

}  // namespace broker
