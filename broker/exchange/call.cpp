#include "broker/exchange/call.h"

#include "rules/names/names.h"

namespace broker {
namespace {

/// The engine's errors name the host's paths: the job reads its own.
std::string shown_paths(const Call& call, std::string text)
{
    const auto replace = [&text](const std::string& real, const std::string& own) {
        for (std::size_t at = 0; !real.empty() && (at = text.find(real, at)) != text.npos; at += own.size()) text.replace(at, real.size(), own);
    };
    for (const rules::PathMount& mount : call.job.objects.paths().mounts) {
        if (mount.root == rules::PathMount::Root::closed) continue;
        const std::string root = "/" + rules::real_name(call.job.facts.key, rules::root_volume_name(mount.directory)) + "/_data";
        if (const std::size_t at = text.find(root); at != text.npos) {  // with the engine's directory of volumes in front
            const std::size_t begin = text.find_last_of(" \"'(:=", at) + 1;
            replace(text.substr(begin, at + root.size() - begin), mount.target);
        }
        replace(mount.directory, mount.target);
    }
    replace(call.job.pins_directory, "(bound path)");
    replace(call.services.engine.root_directory(), "/var/lib/docker");
    return text;
}

}  // namespace

Task<> keep_pace(Job& job)
{
    const auto rate = job.profile.job_requests_per_second;
    if (rate == 0) co_return;
    if (const auto wait = job.request_rate.turn(Clock::now(), Clock::duration(1s) / rate, 5s); wait > Clock::duration::zero()) co_await pause(wait);
}

std::string shown(const Call& call, std::string text)
{
    text = rules::scrub(call.job.facts.key, shown_paths(call, std::move(text)));
    const std::string& sent = call.target.id;
    if (sent.empty() || call.route.id.empty() || sent == call.route.id) return text;
    for (std::size_t at = 0; (at = text.find(sent, at)) != text.npos; at += call.route.id.size()) text.replace(at, sent.size(), call.route.id);
    return text;
}

rules::Error error_of(const Call& call, const Answer& answer)
{
    if (answer.status < 400) throw EngineFailure("unexpected status of the engine: " + std::to_string(answer.status));
    return {answer.status, shown(call, answer.message())};
}

Task<Answer> exchange(Call& call, const EngineRequest& request)
{
    return call.services.engine.call(request, &call.spend);
}

Task<Answer> ask(Call& call, const EngineRequest& request)
{
    Answer answer = co_await exchange(call, request);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
    co_return answer;
}

Task<Answer> inspect(Call& call, rules::Kind kind, std::string id)
{
    return call.services.engine.inspect(kind, std::move(id), &call.spend);
}

Task<> ask_list(Call& call, const EngineRequest& request, Elements& elements)
{
    const Answer answer = co_await call.services.engine.list(request, elements, &call.spend);
    if (!answer.ok()) throw Refused{error_of(call, answer)};
}

}  // namespace broker
