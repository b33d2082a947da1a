#include <algorithm>
#include <cctype>
#include <vector>

#include "rules/buildkit/methods.h"
#include "rules/buildkit/session.h"
#include "rules/buildkit/solve.h"
#include "rules/buildkit/sources.h"
#include "rules/names/addresses.h"
#include "rules/names/names.h"
#include "tests/fuzzing/target.h"

namespace fuzz {
namespace {

using rules::Attributes;

const rules::BuildingJob job = {.key = "abcdefghijklmnopqrstuvwxyz", .space = "of-the-job", .cgroup = "/berth.slice/job", .gateway = "172.30.0.1"};
const std::string own = "berth." + job.key + ".";

const std::string* find(const Attributes& attributes, const std::string& name)
{
    const auto found = attributes.find(name);
    return found == attributes.end() ? nullptr : &found->second;
}

/// Whatever was asked: the frontend chooses no other, and takes nothing of the host's.
void check_attributes(const Attributes& sent)
{
    const auto is = [&](const char* name, const std::string& value) {
        const std::string* found = find(sent, name);
        must(found && *found == value, "what is forced is forced", name, found ? *found : "");
    };
    is("cmdline", "docker/dockerfile");
    is("build-arg:BUILDKIT_CACHE_MOUNT_NS", "of-the-job");
    is("cgroup-parent", job.cgroup);
    for (const char* name : {"source", "build-arg:BUILDKIT_SYNTAX", "image-resolve-mode", "cache-imports", "cache-from"})
        must(!find(sent, name), "what is refused or left out is not sent", name);
    if (const std::string* network = find(sent, "force-network-mode")) must(*network == "none", "no network of the host's", *network);
    if (const std::string* size = find(sent, "shm-size")) must(std::stoll(*size) <= rules::Profile{}.shm_max, "shared memory has its limit", *size);
    const std::string* hosts = find(sent, "add-hosts");
    must(hosts && hosts->ends_with("of-the-job.cache.invalid=127.0.0.1"), "steps are the job's", "add-hosts");
    if (hosts) {
        must(hosts->find("host-gateway") == hosts->npos || hosts->find("=host-gateway") == hosts->npos, "the host's gateway is the job's", *hosts);
        must(hosts->find('"') == hosts->npos, "no text within quotation marks", *hosts);
    }
    for (const auto& [name, value] : sent) {
        if (name.starts_with("label:")) must(!rules::is_own_label(name.substr(6)), "the labels of ours are ours", name);
        if (name.starts_with("local-sessionid:")) must(value.starts_with(own) && value.find(':') == value.npos, "sessions are the job's", value);
        if (!name.starts_with("context")) continue;
        for (const char* begin : {"http://", "https://", "git://", "git@", "ssh://", "input:", "oci-layout:"})
            must(!value.starts_with(begin), "the engine fetches nothing", name, value);
    }
}

void check_exporters(const rules::buildkit::SolveRequest& sent, const std::string& names)
{
    int images = 0;
    for (const auto& each : sent.exporters()) {
        must(each.type() == "moby" || each.type() == "local" || each.type() == "tar", "exporters of the kinds that are open", each.type());
        images += each.type() == "moby";
        const auto name = each.attrs().find("name");
        must(name == each.attrs().end() || (each.type() == "moby" && name->second == names), "names of the engine's", each.type());
        for (const char* never : {"push", "unpack", "store", "registry.insecure", "push-by-digest", "dest"})
            must(!each.attrs().contains(never), "nothing is pushed", never);
    }
    must(images <= 1, "one image");
    if (sent.exporters_size() == 0) {
        must(sent.exporter_deprecated().empty() && sent.exporter_attrs_deprecated().empty(), "no exporter in the old spelling");
        return;
    }
    must(sent.exporter_deprecated() == sent.exporters(0).type(), "the old spelling says the same", sent.exporter_deprecated());
    const auto& first = sent.exporters(0).attrs();
    must(Attributes(sent.exporter_attrs_deprecated().begin(), sent.exporter_attrs_deprecated().end()) == Attributes(first.begin(), first.end()),
         "the old spelling says the same");
}

void control_solve(std::string_view input)
{
    rules::buildkit::SolveRequest asked;
    if (!asked.ParseFromArray(input.data(), static_cast<int>(input.size()))) return;
    const auto build = rules::judge_solve(asked, rules::Profile{}, job);
    if (!build) {
        must(!build.error().message.empty() && build.error().message.size() < 1000, "a refusal says why, in short", build.error().message);
        return;
    }
    must(rules::is_plain_word(build->ref) && rules::is_plain_word(build->session), "plain words", build->ref, build->session);
    const std::vector<std::string> reals = {"berth." + job.key + "/docker.io/library/app:1", "berth." + job.key + "/ghcr.io/b:2"};
    const auto sent = rules::solve_for(*build, job, "real", reals, rules::source_policy(job.key, {}));
    must(sent.ref() == "real" && sent.session() == own + build->session, "names are the engine's", sent.ref(), sent.session());
    must(sent.internal(), "no record is kept");
    must(sent.frontend() == (build->by_frontend ? "dockerfile.v0" : ""), "the engine's own frontend", sent.frontend());
    must(!sent.has_definition() && sent.frontend_inputs().empty() && sent.entitlements().empty(), "no graph, and no more rights");
    must(!sent.enable_session_exporter() && !sent.proxy_network() && sent.source_policy_session().empty() && sent.compatibility_version() == 0,
         "nothing of what is closed");
    must(sent.source_policy().rules_size() == 3 && sent.source_policy().rules(0).action() == rules::buildkit::SourceRule::DENY &&
             sent.source_policy().rules(0).selector().identifier() == "*",
         "the policy begins with refusing all");
    must(sent.cache().imports().empty() && sent.cache().exports_size() <= 1, "no cache from elsewhere");
    for (const auto& each : sent.cache().exports()) must(each.type() == "inline" && each.attrs().empty(), "no cache to elsewhere", each.type());
    check_exporters(sent, reals[0] + "," + reals[1]);
    if (build->by_frontend)
        check_attributes({sent.frontend_attrs().begin(), sent.frontend_attrs().end()});
    else
        must(sent.frontend_attrs().empty(), "attributes are of a frontend");
    must(!rules::has_unknown_field(sent), "nothing unknown is sent");
    if (build->image)
        for (const std::string& name : build->image->names) must(name.find('@') == name.npos, "no digest in a name", name);
}

void bridge_solve(std::string_view input)
{
    rules::buildkit::BridgeSolveRequest asked;
    if (!asked.ParseFromArray(input.data(), static_cast<int>(input.size()))) return;
    const auto frontend = rules::judge_bridge_solve(asked, rules::Profile{}, job);
    if (!frontend) {
        must(!frontend.error().message.empty() && frontend.error().message.size() < 1000, "a refusal says why, in short", frontend.error().message);
        return;
    }
    const auto& sent = frontend->sent;
    must(sent.frontend() == "dockerfile.v0", "the engine's own frontend", sent.frontend());
    must(!sent.has_definition() && sent.frontend_inputs().empty() && sent.source_policies().empty() && sent.cache_imports().empty(),
         "no graph, no policy, no cache");
    must(!rules::has_unknown_field(sent), "nothing unknown is sent");
    check_attributes({sent.frontend_opt().begin(), sent.frontend_opt().end()});
}

/// One choice (which request), then its bytes.
void solve(std::string_view input)
{
    if (taken(input) % 2)
        bridge_solve(input);
    else
        control_solve(input);
}

/// What the engine says that the policy refused, and what image that is.
void sources(std::string_view input)
{
    if (const auto refused = rules::refused_source(input))
        must(input.find("source \"" + *refused + "\" denied by policy") != input.npos, "what was refused stands in the error", input, *refused);
    const auto image = rules::image_of_source(input);
    if (!image) return;
    const std::string ours = rules::image_source(*image);
    const auto again = rules::image_of_source(ours);
    must(again.has_value(), "what we write is an image's", input, ours);
    must(rules::image_source(*again) == ours && again->familiar_tagged() == image->familiar_tagged(), "written anew it is the same", input, ours);
}

/// A head: `name: value` a line.
void session(std::string_view input)
{
    std::vector<std::pair<std::string_view, std::string_view>> head;
    while (!input.empty()) {
        const std::string_view line = input.substr(0, input.find('\n'));
        input.remove_prefix(std::min(input.size(), line.size() + 1));
        const std::size_t colon = std::min(line.find(": "), line.size());
        head.emplace_back(line.substr(0, colon), line.substr(std::min(line.size(), colon + 2)));
    }
    const auto announced = rules::announced_session(head);
    if (!announced) return;
    must(rules::is_plain_word(announced->id), "the id is a plain word", announced->id);
    must(announced->methods.contains("/grpc.health.v1.Health/Check"), "the check is always there");
    for (const std::string& each : announced->methods) must(rules::is_session_method(each), "methods that a session may have", each);
    head.emplace_back("x-docker-expose-session-uuid", "another");
    must(!rules::announced_session(head), "one id");
    head.back() = {"x-docker-expose-session-grpc-method", "/moby.buildkit.v1.Control/Solve"};
    must(rules::announced_session(head) == *announced, "a method that none may have changes nothing");
}

constexpr Target targets[] = {{"solve", solve}, {"sources", sources}, {"session", session}};

}  // namespace

std::span<const Target> buildkit_targets()
{
    return targets;
}

}  // namespace fuzz
