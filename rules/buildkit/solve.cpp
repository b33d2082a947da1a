#include "rules/buildkit/solve.h"

#include <algorithm>

#include "rules/buildkit/session.h"
#include "rules/names/image_names.h"
#include "rules/names/names.h"
#include "rules/names/reference.h"
#include "rules/split.h"

namespace rules {
namespace {

constexpr std::size_t exporters_max = 10;

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

Attributes plain(const google::protobuf::Map<std::string, std::string>& map) { return {map.begin(), map.end()}; }

Result<void> check_name(const std::string& name, const char* what)
{
    if (!is_plain_word(name)) return bad_request(std::string("berth: ") + what + " is not a plain word");
    return {};
}

/// The names of an image: `a,b`.
Result<AskedImage> asked_image(const std::string& names)
{
    AskedImage image;
    for (std::string_view rest = names; !rest.empty();) {
        const std::string_view each = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), each.size() + 1));
        if (each.empty()) continue;
        const Result<Reference> reference = parse_reference(each);
        if (!reference) return tl::unexpected(reference.error());
        if (!reference->digest.empty()) return bad_request("build tag cannot contain a digest");
        std::string name = reference->familiar_tagged();
        if (std::ranges::find(image.names, name) == image.names.end()) image.names.push_back(std::move(name));
    }
    if (image.names.size() > image_names_max) return bad_request("a build has more than " + std::to_string(image_names_max) + " names");
    return image;
}

/// Attributes of an exporter that change the bytes of what is made, or nothing.
bool is_plain_export(std::string_view attribute)
{
    constexpr std::string_view known[] = {"compression", "compression-level",   "force-compression", "oci-mediatypes", "rewrite-timestamp",
                                          "source-date-epoch", "prefer-image-digest", "platform-split",    "epoch",          "tar"};
    return std::ranges::find(known, attribute) != std::end(known) || attribute.starts_with("annotation");
}

/// Attributes that say nothing to the exporter of the engine's own store, which keeps the image in any case: clients push it by themselves.
bool is_left_out(std::string_view attribute)
{
    constexpr std::string_view known[] = {"push", "push-by-digest", "load", "unpack", "store", "name-canonical", "registry.insecure",
                                          "dangling-name-prefix", "buildinfo", "buildinfo-attrs"};
    return std::ranges::find(known, attribute) != std::end(known);
}

Result<buildkit::Exporter> judge_exporter(const buildkit::Exporter& asked, AskedBuild& build)
{
    buildkit::Exporter sent;
    sent.set_type(asked.type());
    const bool is_image = asked.type() == "moby" || asked.type() == "image";
    if (!is_image && asked.type() != "local" && asked.type() != "tar")
        return denied("closed", "Exporters.Type", asked.type(), "use an image, local or tar; docker save writes an archive of an image");
    if (is_image && build.image) return bad_request("berth: a build makes one image");
    if (is_image) {
        sent.set_type("moby");
        build.image.emplace();
    }
    for (const auto& [name, value] : asked.attrs()) {
        if (is_image && name == "name") {
            Result<AskedImage> image = asked_image(value);
            if (!image) return tl::unexpected(image.error());
            build.image = std::move(*image);
        } else if (is_image && is_left_out(name)) {
            continue;
        } else if (is_plain_export(name)) {
            (*sent.mutable_attrs())[name] = value;
        } else {
            return denied("unknown-attribute", "Exporters.Attrs." + name.substr(0, 200), value.substr(0, 200),
                          "leave it out: berth does not know what it means to the engine");
        }
    }
    return sent;
}

Result<void> judge_exporters(const buildkit::SolveRequest& asked, AskedBuild& build)
{
    std::vector<buildkit::Exporter> exporters(asked.exporters().begin(), asked.exporters().end());
    // Clients tell the first one twice, older ones only so.
    buildkit::Exporter old;
    old.set_type(asked.exporter_deprecated());
    *old.mutable_attrs() = asked.exporter_attrs_deprecated();
    if (exporters.empty() && !old.type().empty()) exporters.push_back(old);
    const bool differs = !exporters.empty() && (old.type() != exporters[0].type() || plain(old.attrs()) != plain(exporters[0].attrs()));
    if ((!old.type().empty() || !old.attrs().empty()) && differs) return bad_request("berth: ExporterDeprecated is not the first of Exporters");
    if (exporters.size() > exporters_max) return bad_request("berth: too many exporters");
    for (const buildkit::Exporter& each : exporters) {
        Result<buildkit::Exporter> judged = judge_exporter(each, build);
        if (!judged) return tl::unexpected(judged.error());
        build.exporters.push_back(std::move(*judged));
    }
    return {};
}

Result<void> judge_cache(const buildkit::CacheOptions& cache, AskedBuild& build)
{
    if (!cache.export_ref_deprecated().empty() || !cache.export_attrs_deprecated().empty() || !cache.import_refs_deprecated().empty())
        return bad_request("berth: the old fields of Cache are not taken; write Exports and Imports");
    for (const buildkit::CacheOption& each : cache.exports()) {
        if (each.type() != "inline")
            return denied("closed", "Cache.Exports.Type", each.type(), "use --cache-to type=inline, and push the image");
        build.inline_cache = true;
    }
    // What is imported would be looked up in the engine's store and at registries, by its name: steps of the job's builds are cached in any case.
    return {};
}

/// BuildKit limits no step by itself: steps have the job's limits, where it has such.
Result<void> check_step_limits(const Profile& profile)
{
    const std::string way_out = "use DOCKER_BUILDKIT=0 docker build, whose steps it holds; or the profile limits the job as a whole by ";
    if (profile.container_memory_max > 0 && profile.job_memory == 0)
        return denied("limits.container.memory_max", "build", "", way_out + "limits.job.memory");
    if (profile.container_nano_cpus_max > 0 && profile.job_nano_cpus == 0)
        return denied("limits.container.cpus_max", "build", "", way_out + "limits.job.cpus");
    return {};
}

/// What only some clients send, and what is refused for all.
Result<void> judge_rest(const buildkit::SolveRequest& asked)
{
    if (asked.has_definition() || asked.frontend_inputs_size() > 0)
        return denied("closed", "Definition", "", "build from a Dockerfile: a build that is given as a graph is not open");
    if (asked.has_source_policy() && asked.source_policy().rules_size() > 0)
        return denied("closed", "SourcePolicy", "", "leave it out (EXPERIMENTAL_BUILDKIT_SOURCE_POLICY): berth's own takes its place");
    if (!asked.source_policy_session().empty())
        return denied("closed", "SourcePolicySession", "", "leave it out (--policy): berth's own policy takes its place");
    for (const std::string& each : asked.entitlements()) {
        if (each == "network.host") return denied("host-namespace", "network.host", "", "leave --network host and --allow network.host out");
        if (each == "security.insecure")
            return denied("privileged", each, "", "leave --allow security.insecure out: a step has no more than a container");
        return denied("closed", each.substr(0, 200), "", "leave --allow out: a step has no more than a container");
    }
    if (asked.proxy_network()) return denied("closed", "ProxyNetwork", "true", "leave it out");
    if (asked.enable_session_exporter()) return denied("closed", "EnableSessionExporter", "true", "leave it out");
    if (asked.compatibility_version() != 0) return bad_request("berth: CompatibilityVersion is not known");
    return {};
}

}  // namespace

bool has_unknown_field(const Message& message)
{
    const auto& reflection = *message.GetReflection();
    if (!reflection.GetUnknownFields(message).empty()) return true;
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
        if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
        if (!field->is_repeated()) {
            if (has_unknown_field(reflection.GetMessage(message, field))) return true;
            continue;
        }
        for (int at = 0; at < reflection.FieldSize(message, field); ++at)
            if (has_unknown_field(reflection.GetRepeatedMessage(message, field, at))) return true;
    }
    return false;
}

Result<void> check_ref(const std::string& ref) { return check_name(ref, "Ref"); }

Result<AskedBuild> judge_solve(const buildkit::SolveRequest& asked, const Profile& profile, const BuildingJob& job)
{
    if (has_unknown_field(asked)) return denied("unknown-field", "SolveRequest", "", "use an older client: berth does not know a field of it");
    if (const auto held = check_step_limits(profile); !held) return tl::unexpected(held.error());
    AskedBuild build;
    build.ref = asked.ref();
    build.session = asked.session();
    if (const auto checked = check_ref(build.ref); !checked) return tl::unexpected(checked.error());
    if (const auto checked = check_name(build.session, "Session"); !checked) return tl::unexpected(checked.error());
    if (const auto judged = judge_rest(asked); !judged) return tl::unexpected(judged.error());
    if (asked.frontend() != "" && asked.frontend() != "dockerfile.v0")
        return denied("frontend", "Frontend", asked.frontend().substr(0, 200), "use a Dockerfile: it is read by the engine's own frontend");
    build.by_frontend = !asked.frontend().empty();
    const Attributes attributes = plain(asked.frontend_attrs());
    Result<Attributes> sent = judge_attributes(attributes, profile, job);
    if (!sent) return tl::unexpected(sent.error());
    build.attributes = std::move(*sent);
    build.pull = wants_pull(attributes);
    if (const auto judged = judge_exporters(asked, build); !judged) return tl::unexpected(judged.error());
    if (const auto judged = judge_cache(asked.cache(), build); !judged) return tl::unexpected(judged.error());
    return build;
}

buildkit::SolveRequest solve_for(const AskedBuild& build, const BuildingJob& job, const std::string& ref, const std::vector<std::string>& reals,
                                 buildkit::SourcePolicy sources)
{
    buildkit::SolveRequest sent;
    sent.set_ref(ref);
    sent.set_session(building_name(job.key, build.session));
    if (build.by_frontend) sent.set_frontend("dockerfile.v0");
    if (build.by_frontend) sent.mutable_frontend_attrs()->insert(build.attributes.begin(), build.attributes.end());
    sent.set_internal(true);  // the engine keeps no record of it, which would outlive the job
    *sent.mutable_source_policy() = std::move(sources);
    std::string names;
    for (const std::string& real : reals) names += (names.empty() ? "" : ",") + real;
    for (const buildkit::Exporter& each : build.exporters) {
        buildkit::Exporter* exporter = sent.add_exporters();
        *exporter = each;
        if (each.type() == "moby" && !names.empty()) (*exporter->mutable_attrs())["name"] = names;
    }
    if (sent.exporters_size() > 0) {  // engines before Docker 26 know of one only
        sent.set_exporter_deprecated(sent.exporters(0).type());
        *sent.mutable_exporter_attrs_deprecated() = sent.exporters(0).attrs();
    }
    sent.mutable_cache();
    if (build.inline_cache) sent.mutable_cache()->add_exports()->set_type("inline");
    return sent;
}

Result<AskedFrontend> judge_bridge_solve(const buildkit::BridgeSolveRequest& asked, const Profile& profile, const BuildingJob& job)
{
    if (has_unknown_field(asked)) return denied("unknown-field", "SolveRequest", "", "use an older client: berth does not know a field of it");
    if (asked.has_definition() || asked.frontend_inputs_size() > 0)
        return denied("closed", "Definition", "", "build from a Dockerfile: a build that is given as a graph is not open");
    if (asked.frontend() != "dockerfile.v0")
        return denied("frontend", "Frontend", asked.frontend().substr(0, 200), "use a Dockerfile: it is read by the engine's own frontend");
    for (const buildkit::SourcePolicy& each : asked.source_policies())
        if (each.rules_size() > 0) return denied("closed", "SourcePolicies", "", "leave it out: berth's own takes its place");
    const Attributes attributes = plain(asked.frontend_opt());
    Result<Attributes> sent = judge_attributes(attributes, profile, job);
    if (!sent) return tl::unexpected(sent.error());
    AskedFrontend frontend;
    frontend.pull = wants_pull(attributes);
    frontend.sent.set_frontend(asked.frontend());
    frontend.sent.mutable_frontend_opt()->insert(sent->begin(), sent->end());
    frontend.sent.set_allow_result_return(asked.allow_result_return());
    frontend.sent.set_allow_result_array_ref(asked.allow_result_array_ref());
    frontend.sent.set_final(asked.final());
    frontend.sent.set_exporter_attr(asked.exporter_attr());
    frontend.sent.set_evaluate(asked.evaluate());
    return frontend;
}

}  // namespace rules
