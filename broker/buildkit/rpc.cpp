#include "broker/buildkit/rpc.h"

#include "broker/engine/image_cache.h"
#include "broker/operations/operations.h"
#include "rules/buildkit/messages.pb.h"
#include "rules/names/names.h"
#include "rules/views/messages.h"

namespace broker {
namespace {

constexpr std::string_view build_id_field = "buildkit-controlapi-buildid";
constexpr auto message_limit = 60s;  // for a client's message to come, and to have its turn

}  // namespace

Task<std::string> read_message(Rpc& rpc)
{
    std::optional<Lock::Held> turn;
    const auto hold = [&]() -> Task<> { turn.emplace(co_await rpc.call.spend.hold_body()); };
    GrpcReader reader(rpc.stream);
    std::string message;
    const auto read = [&]() -> Task<> { message = co_await reader.only(rpc_message_max, hold); };
    if (!co_await within(message_limit, read())) throw GrpcStatus{GrpcCode::canceled, "berth: the message did not come"};
    if (rpc.call.spend.text(message.size())) co_await rpc.call.spend.pay();
    co_return message;
}

Task<std::optional<std::string>> next_answer(Rpc& rpc, GrpcReader& reader)
{
    std::optional<Lock::Held> turn;
    const auto hold = [&]() -> Task<> { turn.emplace(co_await rpc.call.spend.hold_answer()); };
    auto message = co_await reader.next(rpc_answer_max, hold);
    if (message && rpc.call.spend.part(message->size())) co_await rpc.call.spend.pay();
    co_return message;
}

Task<> answer_message(Rpc& rpc, std::string message)
{
    rpc.stream.answer(grpc_answer());
    co_await write_message(rpc.stream, message);
    co_await rpc.stream.end(trailers_of({}));
}

Task<std::shared_ptr<Http2Stream>> open_engine(Rpc& rpc, std::string_view path, const std::string& message, const std::string& real)
{
    Http2Fields head = grpc_request(path);
    if (!real.empty()) head.push_back({std::string(build_id_field), real});
    auto stream = rpc.engine.open(head);
    co_await write_message(*stream, message, true);
    co_return stream;
}

Task<RpcAnswer> ask_engine(Rpc& rpc, std::string_view path, const std::string& message, const std::string& real)
{
    const auto stream = co_await open_engine(rpc, path, message, real);
    co_await stream->head_arrived();
    RpcAnswer answer;
    GrpcReader reader(*stream);
    if (auto arrived = co_await next_answer(rpc, reader)) {
        answer.message = std::move(*arrived);
        co_await reader.next(0);
    }
    answer.status = status_of(*stream);
    co_return answer;
}

std::string shown_in_build(const Call& call, std::string_view text) { return shown(call, rules::scrub(call.job.facts.key, text, true)); }

GrpcStatus shown_status(const Call& call, GrpcStatus status)
{
    status.message = shown_in_build(call, status.message);
    rules::buildkit::Status details;
    if (!status.details.empty() && details.ParseFromString(status.details)) {
        details.set_message(status.message);
        status.details = details.SerializeAsString();
    } else {
        status.details.clear();
    }
    return status;
}

rules::BuildingJob building_job(const Call& call)
{
    const Job& job = call.job;
    const bool is_shared = job.profile.image_cache == "built";
    return {job.facts.key, is_shared ? "profile-" + job.profile.name : job.facts.key, job.cgroup, job.gateway};
}

rules::Error refused_fetch(const std::string& source)
{
    return rules::denied("closed", "source " + source.substr(0, 200), source,
                         "fetch it in the job and send it with the context, or in a RUN step: the engine would fetch it from the host's own network")
        .value();
}

namespace {

/// The image of that name as the job has it from here on. Throws Refused, or the status that the engine would have given.
Task<rules::Named> pulled_base(Rpc& rpc, const RunningBuild& build, const rules::Reference& reference, const std::string& source)
{
    Call& call = rpc.call;
    const std::string name = reference.familiar();
    std::string auth;
    const auto& sessions = builds_of(call).sessions;
    if (const auto session = sessions.find(build.session); session != sessions.end())
        auth = co_await session->second->credentials(reference.domain);
    call.record.facts["pulls"].push_back(name);
    std::string failure;
    const auto note = [&](std::string_view lines) -> Task<> {
        while (!lines.empty()) {
            const rules::Json message = rules::read_message(rules::take_line(lines));
            if (message.is_object() && message.contains("error") && message["error"].is_string()) failure = message["error"].get<std::string>();
        }
        co_return;
    };
    bool pulled = false;
    try {
        pulled = co_await pull_for(call, reference, {}, auth, note);
    } catch (const Refused& refused) {
        if (!refused.error.rule.empty()) throw;
        failure = refused.error.message;
    }
    if (!pulled) {
        const std::string full = source.substr(source.find("//") + 2);
        throw GrpcStatus{GrpcCode::unknown, name + ": failed to resolve source metadata for " + full + ": " + shown(call, failure)};
    }
    co_return or_refuse(call.job.objects.image(name));
}

}  // namespace

Task<bool> admit_source(Rpc& rpc, RunningBuild& build, const std::string& error)
{
    Call& call = rpc.call;
    const auto source = rules::refused_source(error);
    if (!source || build.sources.contains(*source)) co_return false;
    auto reference = rules::image_of_source(*source);
    if (!reference) throw Refused{refused_fetch(*source)};
    if (!reference->digest.empty())
        reference->tag.clear();
    else if (reference->tag.empty())
        reference->tag = "latest";
    rules::Named image;
    if (auto known = call.job.objects.image(reference->familiar()); known && !build.pull)
        image = std::move(*known);
    else
        image = co_await pulled_base(rpc, build, *reference, *source);
    call.services.cache.used(image.id);
    build.sources[*source] = rules::image_source(or_refuse(rules::parse_reference(image.real)));
    co_return true;
}

}  // namespace broker
