#include "rules/judge/suggest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "rules/bodies/parts.h"
#include "rules/names/subnets.h"
#include "rules/profile/knob_values.h"
#include "rules/profile/knobs.h"
#include "rules/text.h"
#include "rules/units.h"

namespace rules {
namespace {

using P = Profile;
using Texts = std::vector<std::string>;
using Reasons = std::map<std::string, Texts, std::less<>>;

/// Clients ask these before anything else; they tell nothing.
constexpr std::array always_open = {Op::system_ping, Op::system_ping_head, Op::system_version, Op::system_info,
                                    Op::system_options};
constexpr std::int64_t shm_of_docker = 64 << 20;

/// `base` with all closed that a refusal can ask to be opened.
Profile closed(Profile profile)
{
    for (Texts P::* list :
         {&P::capabilities_allowed, &P::security_options, &P::sysctls_allowed, &P::devices_allowed, &P::cdi_allowed,
          &P::runtimes_allowed, &P::namespaces_shared, &P::volume_drivers, &P::network_drivers, &P::network_subnets,
          &P::restart_policies, &P::ulimits_allowed, &P::registries, &P::build_networks, &P::exec_users})
        (profile.*list).clear();
    for (bool P::* flag : {&P::gpus_allowed, &P::binds_docker_socket, &P::image_pull, &P::image_push, &P::image_commit,
                           &P::image_import, &P::image_load, &P::image_export, &P::build_allowed, &P::exec_allowed})
        profile.*flag = false;
    profile.mode = "enforce";
    profile.non_root = true;
    profile.binds_allowed = "none";
    profile.ports_address = "none";
    profile.ports_range = "65535";
    profile.published_ports_max = 0;
    profile.image_tags = "digest";
    profile.shm_max = std::min(profile.shm_max, shm_of_docker);
    profile.nofile_max = 1;
    if (profile.log_drivers.size() > 1) profile.log_drivers.resize(1);
    return profile;
}

std::string upper(std::string text)
{
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

/// The word of a list knob that the refused value needs.
std::string word_for(const Error& error)
{
    const std::string& value = error.value;
    if (error.rule == "capabilities.allowed") {
        const std::string name = upper(value);
        return name.starts_with("CAP_") ? name.substr(4) : name;
    }
    if (error.rule == "sysctls.allowed") return error.field.substr(std::string("HostConfig.Sysctls.").size());
    if (error.rule == "namespaces.shared")
        return error.field.ends_with("PidMode") ? "pid" : error.field.ends_with("IpcMode") ? "ipc" : "network";
    if (error.rule == "networks.drivers") return "bridge";
    if (error.rule == "networks.subnets")
        if (const auto subnet = parse_subnet(value)) return to_string(subnet->whole());
    if (error.rule == "build.networks" && value != "none" && value != "default")
        return value == "bridge" ? "default" : shared_container(value) ? "container" : "own";
    return value;
}

/// The greatest number in `soft:hard`, `size=64m` or `1024`.
std::optional<std::int64_t> number_in(const std::string& value)
{
    std::optional<std::int64_t> most;
    for (const std::string& piece : split(value, ':'))
        if (const auto number = parse_size(piece.substr(piece.find('=') + 1)); number && (!most || *number > *most))
            most = number;
    return most;
}

std::string wider_range(const std::string& range, const std::string& wanted)
{
    const auto now = parse_port_range(range), more = parse_port_range(wanted);
    if (!now || !more) return "1-65535";
    if (*now == std::pair(65535, 65535)) return wanted;
    return std::to_string(std::min(now->first, more->first)) + "-" + std::to_string(std::max(now->second, more->second));
}

/// The next value of a text knob towards what the refused value needs.
std::string text_for(const std::string& now, const Error& error)
{
    if (error.rule == "images.tags") return now == "digest" ? "no-latest" : "any";
    if (error.rule == "ports.range") return wider_range(now, error.value);
    if (error.rule == "ports.address") return "job";
    return "read-only";  // binds.allowed; that some are written to is seen afterwards
}

/// Opens the knob that `error` names as far as it asks. False when that changed nothing.
bool widen(Profile& profile, const Knob& knob, const Error& error)
{
    const Profile before = profile;
    const auto try_set = [&](const Value& value) { return set(profile, knob, value).has_value(); };
    if (const auto* flag = std::get_if<bool P::*>(&knob.member)) profile.*(*flag) = !(profile.*(*flag));
    if (const auto* text = std::get_if<std::string P::*>(&knob.member)) try_set(text_for(profile.*(*text), error));
    if (const auto* number = std::get_if<std::int64_t P::*>(&knob.member))
        if (const auto wanted = number_in(error.value)) try_set(std::max(profile.*(*number), *wanted));
    if (const auto* list = std::get_if<Texts P::*>(&knob.member)) {
        Texts words = profile.*(*list);
        words.push_back(word_for(error));
        if (!try_set(words)) profile.*(*list) = before.*(*list);
    }
    return !(profile == before);
}

/// Whether the container of `body` binds a path of the job so that it can write to it.
bool binds_to_write(const Json& body)
{
    const Json& host = section(body, "HostConfig");
    for (const Json& each : section(host, "Binds")) {
        if (!each.is_string()) continue;
        const Result<Bind> bind = parse_bind(each.get<std::string>());
        if (bind && bind->source.starts_with('/') && !bind->read_only) return true;
    }
    return std::ranges::any_of(section(host, "Mounts"), [](const Json& each) {
        return each.is_object() && each.value("Type", "") == "bind" && !each.value("ReadOnly", false);
    });
}

std::string comment_text(std::string text)
{
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    return text;
}

class Search {
public:
    Search(const std::vector<AskedRequest>& done, const Profile& base) : base_(base), profile_(closed(base))
    {
        std::set<Op> used(always_open.begin(), always_open.end());
        for (const AskedRequest& each : done) allow(each, used);
        bound(done);
        for (const Endpoint& row : endpoints())
            if (row.closed.status == 0 && !used.contains(row.op)) profile_.endpoints_closed.emplace_back(row.name);
    }

    Suggestion answer(const std::string& name, std::size_t all)
    {
        profile_.name = name;
        std::string text = "# The tightest profile that allows what a job was seen to do: " +
                           std::to_string(all - left_.size()) + " requests.\n" +
                           "# Where a key refuses, only what was used is open. What is capped, forced or dropped is as in \"" +
                           base_.name + "\":\n# requests do not tell what a program needs.\n";
        for (const std::string& each : left_) text += "# No profile allows: " + comment_text(each) + "\n";
        text += profile_text(profile_, &base_, [this](std::string_view knob) { return notes(knob); });
        return {text, all - left_.size(), left_.size()};
    }

private:
    void allow(const AskedRequest& request, std::set<Op>& used)
    {
        for (int turns = 0;; ++turns) {
            const Verdict verdict = judge_request(request, AnyLookup(), profile_);
            if (verdict.endpoint && verdict.outcome != Outcome::failed) used.insert(verdict.endpoint->op);
            if (verdict.outcome != Outcome::refused) return;
            const Knob* knob = find_knob(verdict.error.rule);
            if (!knob || turns > 1000 || !widen(profile_, *knob, verdict.error)) {
                left_.push_back(request.method + " " + request.target + ": " + verdict.error.message);
                return;
            }
            Texts& why = reasons_[std::string(knob->path)];
            std::string reason = std::string(verdict.endpoint ? verdict.endpoint->name : "") + ": " +
                                 verdict.error.field + " " + verdict.error.value;
            if (why.size() < 5 && std::ranges::find(why, reason) == why.end()) why.push_back(std::move(reason));
        }
    }

    /// What no refusal tells: how much there was of each, and whether binds are written to.
    void bound(const std::vector<AskedRequest>& done)
    {
        std::int64_t containers = 0, networks = 0, execs = 0;
        bool written = false;
        for (const AskedRequest& each : done) {
            const Verdict verdict = judge_request(each, AnyLookup(), profile_);
            if (!verdict.endpoint) continue;
            const Op op = verdict.endpoint->op;
            containers += op == Op::container_create;
            networks += op == Op::network_create;
            execs += op == Op::exec_create;
            written = written || (op == Op::container_create && binds_to_write(each.body));
        }
        const auto lower = [](std::int64_t& limit, std::int64_t seen) {
            if (seen > 0 && (limit == 0 || seen < limit)) limit = seen;
        };
        lower(profile_.job_containers, containers);
        lower(profile_.job_networks, networks);
        lower(profile_.job_execs, execs);
        if (profile_.ports_address == "none") {  // then these say nothing
            profile_.ports_range = base_.ports_range;
            profile_.published_ports_max = base_.published_ports_max;
        }
        if (!profile_.exec_allowed) profile_.exec_users = base_.exec_users;
        if (written && profile_.binds_allowed == "read-only") profile_.binds_allowed = "read-write";
    }

    std::string notes(std::string_view knob) const
    {
        std::string text;
        if (const auto found = reasons_.find(knob); found != reasons_.end())
            for (const std::string& each : found->second) text += "#   " + comment_text(each) + "\n";
        return text;
    }

    const Profile& base_;
    Profile profile_;
    Reasons reasons_;
    Texts left_;
};

}  // namespace

Suggestion suggest_profile(const std::string& name, const std::vector<AskedRequest>& done, const Profile& base)
{
    return Search(done, base).answer(name, done.size());
}

}  // namespace rules
