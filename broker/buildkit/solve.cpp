#include "broker/buildkit/rpc.h"

#include <algorithm>

#include "broker/io/random.h"
#include "broker/jobs/services.h"
#include "broker/network/firewall.h"
#include "broker/operations/build_record.h"
#include "broker/operations/operations.h"
#include "db/fault.h"
#include "rules/buildkit/methods.h"
#include "rules/buildkit/solve.h"
#include "rules/buildkit/view.h"
#include "rules/policy/endpoint_policy.h"

// A build: `Control.Solve`, and what its client asks of it meanwhile.
namespace broker {
namespace {

constexpr std::size_t ended_kept = 100;
constexpr int attempts_max = 100;
constexpr rules::Version with_source_policies{1, 43};  // an older engine would overlook them
constexpr auto last_status_limit = 2s;      // for what the engine still has to tell of a build that is over
constexpr auto registration_limit = 6s;  // as the engine waits for a build that it is asked about

/// The job's images, by the names under which a build finds them.
rules::BuildSources sources_of(const Call& call)
{
    constexpr std::size_t sources_max = 1000;  // of more, a build asks for what it needs
    rules::BuildSources sources;
    for (const db::Object& each : call.job.objects.all(rules::Kind::image)) {
        if (each.state != db::ObjectState::live || each.name.empty() || sources.size() >= sources_max) continue;
        const auto name = rules::parse_reference(each.name);
        const auto real = rules::parse_reference(each.real);
        if (name && real) sources[rules::image_source(*name)] = rules::image_source(*real);
    }
    return sources;
}

/// The build under way of the job, by its client's ref, for as long as it lasts.
class Registration {
public:
    Registration(const Call& call, std::string ref, std::shared_ptr<RunningBuild> build)
        : builds_(builds_of(call)), ref_(std::move(ref)), build_(std::move(build))
    {
        if (builds_.running.size() >= builds_max) throw Refused{{429, "berth: the job has too many builds at a time"}};
        if (!builds_.running.emplace(ref_, build_).second) throw Refused{{409, "berth: a build with this ref is under way"}};
    }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration()
    {
        build_->end();
        builds_.running.erase(ref_);
        builds_.ended.push_back(ref_);
        if (builds_.ended.size() > ended_kept) builds_.ended.pop_front();
        builds_.begun.wake();
    }

private:
    JobBuilds& builds_;
    std::string ref_;
    std::shared_ptr<RunningBuild> build_;
};

/// The build of that ref, once it is under way; null when it is over.
Task<std::shared_ptr<RunningBuild>> running_build(Rpc& rpc, std::string ref)
{
    JobBuilds& builds = builds_of(rpc.call);
    std::shared_ptr<RunningBuild> build;
    const auto find = [&]() -> Task<> {
        for (;;) {
            if (const auto found = builds.running.find(ref); found != builds.running.end() && found->second->attempt() > 0) {
                build = found->second;
                co_return;
            }
            if (std::ranges::find(builds.ended, ref) != builds.ended.end()) co_return;
            co_await builds.begun.wait();
        }
    };
    if (!co_await within(registration_limit, find())) throw GrpcStatus{GrpcCode::not_found, "no such job " + ref.substr(0, 200)};
    co_return build;
}

/// The build that a call of LLBBridge is in.
Task<std::shared_ptr<RunningBuild>> build_of(Rpc& rpc)
{
    const std::string_view ref = value_of(rpc.stream.head(), "buildkit-controlapi-buildid");
    if (ref.empty()) throw GrpcStatus{GrpcCode::unknown, "no buildid found in context"};
    auto build = co_await running_build(rpc, std::string(ref));
    if (!build) throw GrpcStatus{GrpcCode::not_found, "no such job " + std::string(ref.substr(0, 200))};
    co_return build;
}

/// Steps are on the engine's own bridge: from there no job is reached from now on.
Task<> guard_steps(Call& call)
{
    const Answer answer = co_await inspect(call, rules::Kind::network, "bridge");
    if (!answer.ok()) co_return;  // an engine without it has no network for steps
    const rules::Json bridge = answer.json();
    const rules::Json::json_pointer name("/Options/com.docker.network.bridge.name");
    if (bridge.contains(name) && bridge.at(name).is_string())
        co_await call.services.firewall.guard_builds(bridge.at(name).get<std::string>(), call.job.facts.key);
}

class Solve {
public:
    Solve(Rpc& rpc, rules::AskedBuild asked)
        : rpc_(rpc), call_(rpc.call), asked_(std::move(asked)), job_(building_job(call_)), record_(call_, output_)
    {
    }

    Task<> run(RunningBuild& build)
    {
        if (asked_.image) {
            record_.claim(asked_.image->names);
            const Making making(call_);
            co_await record_.intend();
        }
        RpcAnswer answer{{GrpcCode::unavailable, "the build did not begin"}};
        std::exception_ptr ended;
        bool settled = false;
        const auto work = [&]() -> Task<> { answer = co_await solve(build); };
        try {
            if (co_await race(work(), rpc_.stream.over()) != 0) throw StreamGone("the client has ended the build", 0);
            settled = true;
        } catch (...) {
            ended = std::current_exception();
        }
        if (asked_.image) {
            // However it ended, what is on the engine now is the job's.
            const Recording recording(call_.connection);
            or_refuse(co_await record_.end(settled));
        }
        if (ended) std::rethrow_exception(ended);
        if (answer.status.code != GrpcCode::ok) {
            const auto source = rules::refused_source(answer.status.message);
            if (source && !rules::image_of_source(*source)) throw Refused{refused_fetch(*source)};
            throw shown_status(call_, answer.status);
        }
        co_await answer_message(rpc_, shown_answer(answer.message));
    }

private:
    /// The engine's answer to the last attempt.
    Task<RpcAnswer> solve(RunningBuild& build)
    {
        for (int attempts = 0; attempts < attempts_max; ++attempts) {
            const std::string real = rules::building_name(job_.key, asked_.ref + "." + random_text(8));
            const rules::buildkit::SolveRequest request =
                rules::solve_for(asked_, job_, real, record_.reals(), rules::source_policy(job_.key, build.sources));
            build.begin(real);
            std::optional<RpcAnswer> answer;
            const auto ask = [&]() -> Task<> {
                db::fault_point("before", "solve");
                answer = co_await ask_engine(rpc_, rules::solve_method, request.SerializeAsString());
                db::fault_point("after", "solve");
            };
            const auto restarted = [&]() -> Task<> {
                while (!build.is_to_restart()) co_await build.changed();
            };
            co_await race(ask(), restarted());
            if (!answer) continue;
            if (answer->status.code == GrpcCode::ok) co_return std::move(*answer);
            if (!asked_.by_frontend || !co_await admit_source(rpc_, build, answer->status.message)) co_return std::move(*answer);
        }
        throw GrpcStatus{GrpcCode::resource_exhausted, "berth: the build asks for more than " + std::to_string(attempts_max) + " sources"};
    }

    std::string shown_answer(const std::string& message) const
    {
        rules::buildkit::SolveResponse solved;
        if (!solved.ParseFromString(message)) throw EngineFailure("the engine's answer to a build cannot be read");
        if (asked_.image && asked_.image->names.empty()) solved.mutable_exporter_response()->erase("image.name");
        rules::show_solve(solved, [this](const std::string& text) { return shown_in_build(call_, text); });
        return solved.SerializeAsString();
    }

    Rpc& rpc_;
    Call& call_;
    rules::AskedBuild asked_;
    rules::BuildingJob job_;
    rules::BuildOutput output_;  ///< of the classic builder: nothing
    BuildRecord record_;
};

}  // namespace

Task<> serve_solve(Rpc& rpc)
{
    Call& call = rpc.call;
    call.record.endpoint = &rules::endpoint(rules::Op::build);
    auto request = co_await message_of<rules::buildkit::SolveRequest>(rpc);
    or_refuse(rules::check_ref(request.ref()));
    const auto build = std::make_shared<RunningBuild>(call.services.io.get_executor(), builds_of(call).begun);
    const Registration registration(call, request.ref(), build);
    if (call.services.engine.versions().newest < with_source_policies)
        throw Refused{{501, "berth: builds with BuildKit take Docker 24 or newer on the host; DOCKER_BUILDKIT=0 docker build works"}};
    rules::Route route = call.route;
    route.endpoint = call.record.endpoint;  // a profile that closes builds closes these
    enforce(call, [&](const rules::Profile& profile) { return rules::check_endpoint(route, profile); });
    const rules::BuildingJob job = building_job(call);
    rules::AskedBuild asked = enforce(call, [&](const rules::Profile& profile) { return rules::judge_solve(request, profile, job); });
    if (asked.image) {
        check_room(call, rules::Kind::image, std::max<std::size_t>(1, asked.image->names.size()));
        co_await check_room_for_bytes(call);
    }
    request.Clear();  // a build takes long
    build->pull = asked.pull;
    build->session = asked.session;
    if (!asked.pull) build->sources = sources_of(call);
    co_await guard_steps(call);
    Solve solve(rpc, std::move(asked));
    co_await solve.run(*build);
}

Task<> serve_status(Rpc& rpc)
{
    const auto request = co_await message_of<rules::buildkit::StatusRequest>(rpc);
    const auto build = co_await running_build(rpc, request.ref());
    const auto text = [&rpc](const std::string& each) { return shown_in_build(rpc.call, each); };
    rpc.stream.answer(grpc_answer());
    for (int attempt = 0; build && !build->is_over();) {
        if (build->attempt() == attempt) {
            co_await build->changed();
            continue;
        }
        attempt = build->attempt();
        rules::buildkit::StatusRequest asked;
        asked.set_ref(build->real());
        const auto engine = co_await open_engine(rpc, rules::status_method, asked.SerializeAsString());
        const auto pass = [&]() -> Task<> {
            co_await engine->head_arrived();
            GrpcReader reader(*engine);
            while (auto message = co_await next_answer(rpc, reader)) {
                rules::buildkit::StatusResponse status;
                if (!status.ParseFromString(*message)) throw EngineFailure("the engine's status of a build cannot be read");
                rules::show_status(status, text);
                co_await write_message(rpc.stream, status.SerializeAsString());
            }
        };
        const auto settled = [&]() -> Task<> {
            while (!build->is_over()) co_await build->changed();
            co_await pause(last_status_limit);
        };
        co_await race(pass(), settled());
    }
    co_await rpc.stream.end(trailers_of({}));
}

Task<> serve_bridge_solve(Rpc& rpc)
{
    Call& call = rpc.call;
    const auto request = co_await message_of<rules::buildkit::BridgeSolveRequest>(rpc);
    const rules::BuildingJob job = building_job(call);
    rules::AskedFrontend asked = enforce(call, [&](const rules::Profile& profile) { return rules::judge_bridge_solve(request, profile, job); });
    const auto build = co_await build_of(rpc);
    if (asked.pull && !build->pull) {
        build->pull = true;
        build->sources.clear();
        build->restart(build->attempt());
    }
    const std::string message = asked.sent.SerializeAsString();
    for (int attempts = 0; attempts < attempts_max; ++attempts) {
        while (build->is_to_restart() && !build->is_over()) co_await build->changed();
        if (build->is_over()) throw GrpcStatus{GrpcCode::canceled, "the build is over"};
        const int attempt = build->attempt();
        const RpcAnswer answer = co_await ask_engine(rpc, rules::bridge_solve_method, message, build->real());
        if (answer.status.code == GrpcCode::ok) {
            co_await answer_message(rpc, answer.message);
            co_return;
        }
        if (!co_await admit_source(rpc, *build, answer.status.message)) throw shown_status(call, answer.status);
        build->restart(attempt);
    }
    throw GrpcStatus{GrpcCode::resource_exhausted, "berth: the build asks for more than " + std::to_string(attempts_max) + " sources"};
}

Task<> serve_bridge_ping(Rpc& rpc)
{
    const std::string message = co_await read_message(rpc);
    const auto build = co_await build_of(rpc);
    const RpcAnswer answer = co_await ask_engine(rpc, rules::bridge_ping_method, message, build->real());
    if (answer.status.code != GrpcCode::ok) throw shown_status(rpc.call, answer.status);
    rules::buildkit::PongResponse pong;
    if (!pong.ParseFromString(answer.message)) throw EngineFailure("the engine's answer to a ping cannot be read");
    for (auto& worker : *pong.mutable_workers()) rules::show_worker(worker, rpc.call.job.address());
    co_await answer_message(rpc, pong.SerializeAsString());
}

Task<> serve_bridge_pass(Rpc& rpc)
{
    const std::string message = co_await read_message(rpc);
    const auto build = co_await build_of(rpc);
    const RpcAnswer answer = co_await ask_engine(rpc, rpc.path, message, build->real());
    if (answer.status.code != GrpcCode::ok) throw shown_status(rpc.call, answer.status);
    co_await answer_message(rpc, answer.message);
}

}  // namespace broker
