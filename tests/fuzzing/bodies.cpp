#include "rules/bodies/bodies.h"

#include <array>
#include <fstream>

#include "rules/names/names.h"
#include "rules/profile/knobs.h"
#include "rules/views/list_view.h"
#include "rules/views/views.h"
#include "tests/fuzzing/target.h"
#include "tests/rules/fake_lookup.h"

namespace fuzz {
namespace {

using rules::FakeLookup;
using rules::Json;
using rules::Kind;
using rules::Profile;

const std::string key(FakeLookup::test_key);
const std::string door = "/run/berth/jobs/" + key + "/docker.sock";

FakeLookup a_job()
{
    FakeLookup job;
    job.add(Kind::image, "alpine:latest", "sha256:" + FakeLookup::id_of("a1"));
    job.add(Kind::container, "db", FakeLookup::id_of("db"));
    job.add(Kind::network, "back", FakeLookup::id_of("bac"));
    job.add(Kind::volume, "data", "");
    return job;
}

/// The most that any profile can allow, and the least of ours.
Profile profile_of(unsigned char choice)
{
    Profile profile;
    if (choice % 2) profile = permissive(profile);
    return profile;
}

const Json* find(const Json& holder, const char* name)
{
    if (!holder.is_object()) return nullptr;
    const auto found = holder.find(name);
    return found == holder.end() ? nullptr : &*found;
}

/// Whatever was asked, under whichever profile: what the engine gets is no way to the host.
void check_no_way_to_the_host(const Json& sent)
{
    const std::string text = sent.dump();
    const Json* host = find(sent, "HostConfig");
    must(host && host->is_object(), "HostConfig is written", text);
    const auto text_of = [&](const char* name) {
        const Json* value = find(*host, name);
        return value && value->is_string() ? value->get<std::string>() : std::string();
    };
    const Json* privileged = find(*host, "Privileged");
    must(!privileged || *privileged == false, "never privileged", text);
    for (const char* name : {"NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode"}) {
        const std::string mode = text_of(name);
        must(mode != "host" && mode.find("/proc/") == mode.npos, "no namespace of the host", text);
        if (mode.starts_with("container:")) must(mode.substr(10) == FakeLookup::id_of("db"), "only the job's own namespaces", text);
    }
    for (const char* name : {"MaskedPaths", "ReadonlyPaths"}) must(!find(*host, name) || find(*host, name)->is_null(), "no unmasked paths", text);
    for (const char* name : {"Devices", "DeviceCgroupRules", "DeviceRequests"}) {
        const Json* list = find(*host, name);
        must(!list || list->empty(), "no devices", text);
    }
    if (const Json* binds = find(*host, "Binds"))
        for (const Json& each : *binds) {
            const auto bind = each.get<std::string>();
            must(bind.starts_with(rules::real_name(key, "")) || bind.starts_with(door + ":"), "binds are volumes of the job, or its door", text);
        }
    if (const Json* mounts = find(*host, "Mounts"))
        for (const Json& each : *mounts) {
            const std::string type = each.value("Type", ""), source = each.value("Source", "");
            must(type == "tmpfs" || (type == "volume" && (source.empty() || source.starts_with("berth." + key + "."))) ||
                     (type == "bind" && source == door),
                 "mounts are volumes of the job, tmpfs, or its door", text);
        }
    const Json* labels = find(sent, "Labels");
    must(labels && labels->value("berth.key", "") == key && labels->value("berth.job", "") == "build-17", "the labels of ours are ours", text);
}

const rules::RewriteContext context{"build-17", key, "default", door, rules::Version{1, 47}};

void container_create(const Json& body, const Profile& profile)
{
    FakeLookup job = a_job();
    const auto needs = rules::judge_container_create(body, job, profile);
    if (!needs) return;
    for (const std::string& name : needs->volumes) job.add(Kind::volume, name, "");
    if (needs->default_network) job.add(Kind::network, "bridge", FakeLookup::id_of("ef"));
    Json merged = body;
    const Json config = {{"Env", {"PATH=/bin"}},
                         {"Labels", {{"berth.key", "stolen"}}},
                         {"ExposedPorts", {{"80/tcp", Json::object()}}},
                         {"Volumes", {{"/anon", Json::object()}}}};
    if (!rules::merge_image_config(merged, config, profile)) return;
    if (!rules::resolve_image(merged, job)) return;
    const auto sent = rules::rewrite_container_create(merged, {"web", "alpine"}, job, profile, context, "172.30.1.1");
    if (!sent) return;
    check_no_way_to_the_host(*sent);
    const auto seen = rules::parse_json(sent->dump());
    must(seen && *seen == *sent, "the forwarded body re-parses to the judged value", sent->dump());
}

/// What is sent for `body` to the other endpoints that have one; nothing when it is refused.
rules::Result<Json> rewritten(std::size_t which, const Json& body, const Profile& profile)
{
    const FakeLookup job = a_job();
    switch (which) {
        case 1: return rules::rewrite_container_update(body, profile);
        case 2: return rules::rewrite_commit(body);
        case 3: return rules::rewrite_exec_create(body, profile);
        case 4: return rules::rewrite_network_create(body, profile, context);
        case 5: return rules::rewrite_network_connect(body, job);
        case 6: return rules::rewrite_network_disconnect(body, job);
        case 7: return rules::rewrite_volume_create(body, profile, context);
        default: return body;
    }
}

/// Two choices (schema, profile), then a body.
void bodies(std::string_view input)
{
    static constexpr std::array schemas = {&rules::container_create_schema,
                                           &rules::container_update_schema,
                                           &rules::commit_schema,
                                           &rules::exec_create_schema,
                                           &rules::network_create_schema,
                                           &rules::network_connect_schema,
                                           &rules::network_disconnect_schema,
                                           &rules::volume_create_schema,
                                           &rules::exec_start_schema,
                                           &rules::auth_schema};
    const std::size_t which = (taken(input) - '0') % schemas.size();
    const Profile profile = profile_of(taken(input));
    const auto given = rules::parse_json(input);
    if (!given) return;
    const auto admitted = rules::admit(*given, *schemas[which]);
    if (!admitted) return;
    const auto again = rules::admit(*admitted, *schemas[which]);
    must(again && *again == *admitted, "what is admitted admits itself", given->dump(), admitted->dump());
    if (which == 0) return container_create(*admitted, profile);
    const auto sent = rewritten(which, *admitted, profile);
    if (!sent) return;
    const auto seen = rules::parse_json(sent->dump());
    must(seen && *seen == *sent, "the forwarded body re-parses to the judged value", sent->dump());
    if (which <= 3) {
        const auto twice = rewritten(which, *sent, profile);
        must(twice && *twice == *sent, "a rewrite is idempotent", sent->dump(), twice ? twice->dump() : twice.error().message);
    }
    if (const Json* privileged = find(*sent, "Privileged")) must(*privileged == false, "never privileged", sent->dump());
}

/// The value in `json` that is number `index` when they are counted depth first.
Json* node(Json& json, std::size_t& index)
{
    if (index-- == 0) return &json;
    if (json.is_structured())
        for (Json& each : json)
            if (Json* found = node(each, index)) return found;
    return nullptr;
}

std::size_t nodes_in(const Json& json)
{
    std::size_t count = 1;
    if (json.is_structured())
        for (const Json& each : json) count += nodes_in(each);
    return count;
}

/// Takes values of an engine's answer away or gives them another type, as `input` says: three bytes a change.
void distort(Json& answer, std::string_view& input)
{
    while (input.size() >= 3) {
        std::size_t index = (taken(input) * 256U + taken(input)) % nodes_in(answer);
        Json* place = node(answer, index);
        switch (taken(input) % 7) {
            case 0: *place = nullptr; break;
            case 1: *place = Json::object(); break;
            case 2: *place = Json::array(); break;
            case 3: *place = ""; break;
            case 4: *place = -1; break;
            case 5: *place = true; break;
            default:
                if (place->is_structured() && !place->empty()) place->erase(place->begin());
                break;
        }
    }
}

/// The sample of tests/rules: what a job and others have on a real engine.
struct Sample {
    Json data;
    FakeLookup job;
    rules::ViewFacts facts{rules::Version{1, 51}, "172.18.0.1", "/run/berth/jobs/7/docker.sock"};

    explicit Sample(const std::string& name)
    {
        std::ifstream file(std::string(BERTH_SAMPLES) + "/" + name + ".json");
        data = Json::parse(file);
        for (const char* each : {"db", "web", "none", "net"}) job.add(Kind::container, each, data.at(std::string("inspect_") + each).at("Id"));
        for (const char* each : {"bridge", "front"}) job.add(Kind::network, each, data.at(std::string("network_") + each).at("Id"));
        for (const char* each : {"data", "idle"}) job.add(Kind::volume, each, "");
        job.add(Kind::image, "busybox:latest", data.at("image").at("Id"));
        job.add(Kind::image, "built:1", data.at("image_built").at("Id"));
    }
};

using View = std::optional<Json> (*)(Json, const Sample&);

std::optional<Json> of(rules::Result<Json> result)
{
    return result ? std::optional<Json>(*std::move(result)) : std::nullopt;
}

std::optional<Json> view_events(Json events, const Sample& sample)
{
    Json shown = Json::array();
    if (!events.is_array()) return std::nullopt;
    for (Json& each : events)
        if (auto event = rules::view_event(std::move(each), sample.job)) shown.push_back(*std::move(event));
    return shown;
}

constexpr std::pair<const char*, View> views_table[] = {
    {"inspect_db", [](Json each, const Sample& sample) { return rules::view_container(std::move(each), sample.job, sample.facts); }},
    {"inspect_net", [](Json each, const Sample& sample) { return rules::view_container(std::move(each), sample.job, sample.facts); }},
    {"list", [](Json each, const Sample& sample) { return of(rules::view_containers(std::move(each), {}, 0, sample.job, sample.facts)); }},
    {"network_front", [](Json each, const Sample& sample) { return rules::view_network(std::move(each), sample.job, sample.facts); }},
    {"networks", [](Json each, const Sample& sample) { return of(rules::view_networks(std::move(each), {}, sample.job, sample.facts)); }},
    {"volumes", [](Json each, const Sample& sample) { return of(rules::view_volumes(std::move(each), {}, {}, sample.job)); }},
    {"image", [](Json each, const Sample& sample) { return rules::view_image(std::move(each), sample.job, sample.facts); }},
    {"images", [](Json each, const Sample& sample) { return of(rules::view_images(std::move(each), {}, true, sample.job, sample.facts)); }},
    {"history", [](Json each, const Sample& sample) { return rules::view_image_history(std::move(each), sample.job); }},
    {"exec", [](Json each, const Sample& sample) { return rules::view_exec(std::move(each), sample.job); }},
    {"events", [](Json each, const Sample& sample) { return view_events(std::move(each), sample); }},
    {"df", [](Json each, const Sample& sample) { return of(rules::view_lists(std::move(each), *rules::usage_view({}, sample.job, sample.facts))); }},
    {"info", [](Json each, const Sample&) { return rules::view_info(std::move(each), {}); }},
};

/// Which engine, which answer, then how it is distorted: nothing of the host's and of other jobs' is in the view, whatever the engine says.
void views(std::string_view input)
{
    static const Sample samples[] = {Sample("engine20"), Sample("engine28")};
    const Sample& sample = samples[taken(input) % std::size(samples)];
    const auto& [name, view] = views_table[taken(input) % std::size(views_table)];
    Json answer = sample.data.at(name);
    distort(answer, input);
    const auto shown = view(std::move(answer), sample);
    if (!shown) return;
    const std::string text = shown->dump(-1, ' ', false, Json::error_handler_t::replace);
    for (const std::string_view trace :
         {"berth.", "/srv/engine", "/run/berth", "another job's", "secret.example", "zzzzzzzzzzzzzzzzzzzzzzzz77", "abcdefghijklmnopqrstuvwxyz"})
        must(text.find(trace) == text.npos, "nothing foreign appears in a view", trace, text);
}

constexpr Target targets[] = {{"bodies", bodies}, {"views", views}};

}  // namespace

std::span<const Target> body_targets()
{
    return targets;
}

}  // namespace fuzz
