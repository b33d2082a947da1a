#include <algorithm>

#include "broker/archives/build_context.h"
#include "broker/engine/image_cache.h"
#include "broker/exchange/dial.h"
#include "broker/exchange/relay.h"
#include "broker/io/offload.h"
#include "broker/operations/build_bases.h"
#include "broker/operations/build_query.h"
#include "broker/operations/build_record.h"
#include "broker/operations/build_steps.h"
#include "broker/operations/operations.h"
#include "rules/build/build_output.h"
#include "rules/build/dockerfile.h"
#include "rules/names/names.h"
#include "rules/views/messages.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// One build, from the context's first byte to the ledger.
class Build {
public:
    explicit Build(Call& call) : call_(call), bases_(call), record_(call, output_), steps_(call, output_, bases_, record_) {}

    Task<> run()
    {
        quiet_ = call_.route.query.flag("q");
        std::vector<std::string> tags = claimed_tags(call_.route.query);
        check_room(call_, Kind::image, tags.size());
        record_.claim(std::move(tags));
        build_args_ = json_parameter(call_.route.query, "buildargs").value_or(Json());
        co_await receive_archive(call_, context_);
        co_await find();
        const std::vector<std::string> names = co_await read();

        call_.client.will_send_messages();
        bool admitted = false;
        const auto admit = [&]() -> Task<> { admitted = co_await bases_.admit(names, pull_sink()); };
        co_await while_client_stays(call_, admit());
        if (!admitted) {
            co_await finish();
            co_return;
        }
        co_await seal();
        std::exception_ptr ended;
        try {
            {
                const Making making(call_);
                co_await bases_.hold();
            }
            co_await build();
        } catch (...) {
            ended = std::current_exception();
        }
        {
            const Recording recording(call_.connection);
            co_await bases_.release();
        }
        if (ended) std::rethrow_exception(ended);
        if (abandoned_) throw Gone("the client has closed");
        co_await finish();
    }

private:
    Task<> find()
    {
        rules::Result<Dockerfile> found;
        {
            const auto turn = co_await call_.job.unpacking.hold();
            const auto look = [&] { found = find_dockerfile(context_, std::string(call_.route.query.get("dockerfile"))); };
            co_await offload(look, Threads::archive);
        }
        dockerfile_ = or_refuse(std::move(found));
    }

    /// What `judge` says of the Dockerfile, whose length the client chose: not on the thread of all others.
    template <class T>
    Task<T> judged_aside(std::function<rules::Result<T>(const rules::Profile&)> judge)
    {
        const Job& job = call_.job;
        rules::Result<T> result, effective;
        const auto work = [&] {
            result = judge(job.profile);
            if (!result && job.profile.observes()) effective = judge(job.effective_profile);
        };
        co_await offload(work, Threads::archive);
        co_return enforce(call_, [&](const rules::Profile& profile) { return &profile == &job.profile ? result : effective; });
    }

    /// The names of the images that the Dockerfile rests on.
    Task<std::vector<std::string>> read()
    {
        dockerfile_.text = co_await judged_aside<std::string>(
            [this](const rules::Profile& profile) { return rules::with_local_sources(dockerfile_.text, profile); });
        co_return co_await judged_aside<std::vector<std::string>>(
            [this](const rules::Profile&) { return rules::bases_of(dockerfile_.text, build_args_, call_.route.query.get("target")); });
    }

    /// From here on the Dockerfile has ids in their place.
    Task<> seal()
    {
        rules::SealedDockerfile sealed = co_await judged_aside<rules::SealedDockerfile>([this](const rules::Profile& profile) {
            return rules::sealed(dockerfile_.text, build_args_, call_.route.query.get("target"), bases_.images(), profile);
        });
        const auto fetched = co_await judged_aside<std::vector<rules::DialTarget>>(
            [&](const rules::Profile&) { return rules::fetched_targets(sealed.text, bases_.images()); });
        for (const rules::DialTarget& each : fetched) co_await check_dial(call_, each, "ADD");
        dockerfile_.text = std::move(sealed.text);
        output_.expect(std::move(sealed.shown));
    }

    LineSink pull_sink()
    {
        return [this](std::string_view lines) -> Task<> {
            if (quiet_ && lines.find("\"error") == lines.npos) co_return;
            co_await begin();
            co_await call_.client.piece(lines);
        };
    }

    Task<> begin()
    {
        if (!call_.client.answered()) co_await call_.client.begin(200, "application/json");
    }

    Task<> build()
    {
        EngineRequest request = call_.request();
        {
            const Making making(call_);
            co_await record_.intend();
        }
        const auto resting = co_await call_.services.images.among_others_under(std::string(built_images));
        request.query = co_await build_query(call_, record_.reals());
        request.query.set("dockerfile", dockerfile_.path);
        request.registry_config = std::string(call_.head.header("x-registry-config"));
        steps_.begin(request.query);
        co_await record_.begin(bases_.ids());

        const auto exchange = [&]() -> Task<> {
            { const Making making(call_); }  // the job may have ended since the intent; what is pending now is known to its end
            Upstream upstream = co_await call_.services.engine.send_head(request, std::nullopt, "application/x-tar");
            const auto send_all = [&]() -> Task<> {
                {
                    const auto turn = co_await call_.job.unpacking.hold();
                    ContextWriter context(context_, dockerfile_);
                    co_await send_archive(upstream, context);
                }
                co_await forever();
            };
            co_await race(answer(upstream), send_all());
        };
        std::exception_ptr ended;
        rules::Result<void> recorded;
        try {
            co_await race(exchange(), stop_when_abandoned());
        } catch (const Refused&) {
            settled_ = true;
            ended = std::current_exception();
        } catch (...) {
            ended = std::current_exception();
        }
        {
            // However it ended, what is on the engine now is the job's.
            const Recording recording(call_.connection);
            recorded = co_await record_.end(settled_);
        }
        if (ended) std::rethrow_exception(ended);
        or_refuse(recorded);
    }

    /// Once nobody waits for the build any more (the client has gone, or the job has ended): the engine would stop if
    /// we left it, but what it was about to keep then would have no name. So the container of each RUN step is removed,
    /// started or not, until the builder gives up, however long a large COPY takes it.
    Task<> stop_when_abandoned()
    {
        constexpr auto limit = 60s;  // for a step that may not be ours: the engine ends it when we leave
        co_await call_.client.wire().closed_by_peer();
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) co_return;
        abandoned_ = true;
        const Recording recording(call_.connection);
        std::string running;
        for (auto since = Clock::now(); running.empty() || Clock::now() - since < limit; co_await pause(50ms)) {
            if (output_.running() != running) since = Clock::now();
            running = output_.running();
            try {
                co_await steps_.stop();
            } catch (const EngineFailure&) {
                continue;  // it is asked again
            }
        }
    }

    Task<> answer(Upstream& upstream)
    {
        const ResponseHead head = co_await answer_head(call_, upstream);
        co_await begin();
        // Whatever fails here, the engine goes on with the build: what it makes is read to the end.
        std::exception_ptr failed;
        const auto pass = [&](std::string_view lines) -> Task<> {
            const std::string seen = view(lines);
            try {
                if (!failed) co_await record_.note_steps();
                co_await steps_.note();
                if (!abandoned_ && !failed) co_await call_.client.piece(seen);
            } catch (const Gone&) {
                abandoned_ = true;
            } catch (const std::exception&) {
                if (!failed) failed = std::current_exception();
            }
        };
        co_await pass_lines(upstream, head, pass);
        settled_ = true;
        if (failed) std::rethrow_exception(failed);
    }

    /// The lines as the job may read them; what they tell is kept.
    std::string view(std::string_view lines)
    {
        std::string out;
        while (!lines.empty()) {
            const std::string_view line = rules::take_line(lines);
            Json message = rules::read_message(line);
            output_.read(message);
            if (quiet_ && !message.contains("error") && !message.contains("aux")) continue;
            const auto written = message.contains("stream") && message["stream"].is_string()
                                     ? output_.as_written(message["stream"].get_ref<const std::string&>())
                                     : std::nullopt;
            if (written) message["stream"] = *written;
            out += written ? message.dump() + "\r\n" : rules::scrub(call_.job.facts.key, line);
        }
        return out;
    }

    /// The last of the answer.
    Task<> finish()
    {
        co_await begin();
        if (quiet_ && !output_.failed() && !output_.result().empty())
            co_await call_.client.piece(Json({{"stream", output_.result() + "\n"}}).dump() + "\r\n");
        co_await call_.client.end();
    }

    Call& call_;
    Spool context_{call_.job.spooled};
    Dockerfile dockerfile_;
    Json build_args_;
    rules::BuildOutput output_;
    BuildBases bases_;
    BuildRecord record_;
    BuildSteps steps_;
    bool quiet_ = false;
    bool abandoned_ = false;  ///< nobody reads the answer any more
    bool settled_ = false;    ///< the engine's answer was read to its end, or is an error
};

}  // namespace

Task<> build_image(Call& call)
{
    Build build(call);
    co_await build.run();
}

Task<> prune_builds(Call& call)
{
    // The classic builder's cache is the host's images; a job has none of its own to prune.
    co_await call.client.reply_json(200, {{"CachesDeleted", Json::array()}, {"SpaceReclaimed", 0}});
}

}  // namespace broker
