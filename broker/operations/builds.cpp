#include <algorithm>

#include "broker/archives/build_context.h"
#include "broker/engine/image_cache.h"
#include "broker/exchange/dial.h"
#include "broker/exchange/relay.h"
#include "broker/io/aside.h"
#include "broker/io/log.h"
#include "broker/operations/build_bases.h"
#include "broker/operations/build_query.h"
#include "broker/operations/build_record.h"
#include "broker/operations/operations.h"
#include "rules/api/until.h"
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
    explicit Build(Call& call) : call_(call), bases_(call), record_(call, output_) {}

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
            co_await aside(look, Aside::archive);
        }
        dockerfile_ = or_refuse(std::move(found));
    }

    /// What `judge` says of the Dockerfile, whose length the client chose: not on the thread of all others.
    template <class T>
    Task<T> judged_aside(std::function<rules::Result<T>(const rules::Profile&)> judge)
    {
        const Job& job = call_.job;
        rules::Result<T> result, acting;
        const auto work = [&] {
            result = judge(job.profile);
            if (!result && job.profile.observes()) acting = judge(job.acting);
        };
        co_await aside(work, Aside::archive);
        co_return enforce(call_, [&](const rules::Profile& profile) { return &profile == &job.profile ? result : acting; });
    }

    /// The names of the images that the Dockerfile rests on.
    Task<std::vector<std::string>> read()
    {
        dockerfile_.text = co_await judged_aside<std::string>([this](const rules::Profile& profile) { return rules::with_local_sources(dockerfile_.text, profile); });
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
        network_ = std::string(request.query.get("networkmode"));
        cached_ = std::string(request.query.get("cachefrom"));
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
                co_await pause(std::chrono::hours(24 * 365));
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
        constexpr auto limit = 60s;  // of a step of which is not known that it is ours: the engine ends it when we leave
        co_await call_.client.wire().closed_by_peer();
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) co_return;
        abandoned_ = true;
        const Recording recording(call_.connection);
        std::string running;
        for (auto since = Clock::now(); running.empty() || Clock::now() - since < limit; co_await pause(50ms)) {
            if (output_.running() != running) since = Clock::now();
            running = output_.running();
            try {
                co_await stop_step();
            } catch (const EngineFailure&) {
                continue;  // it is asked again
            }
        }
    }

    /// A network of the job's own tells that what is on it is the job's; else only what was noted is known to be.
    bool is_on_own_network() const { return rules::key_of(network_).has_value(); }

    /// The full id of the container `id` if it can be one of this build's: the id was printed, and steps print what they like. What it runs
    /// and when it was made tell the rest; its labels come from the Dockerfile and tell nothing.
    Task<std::optional<std::string>> container_of_step(std::string id)
    {
        const auto step = co_await maybe_step(std::move(id));
        if (!step) co_return std::nullopt;
        const bool known = call_.job.objects.by_id(Kind::image, step->image) || bases_.has(step->image) || cached_.find(step->image) != cached_.npos;
        if (known || co_await is_step_image(step->image)) co_return step->id;
        co_return std::nullopt;
    }

    struct Step {
        std::string id, image;  ///< full
    };

    Task<std::optional<Step>> maybe_step(std::string id)
    {
        const EngineRequest request{.op = Op::container_inspect, .id = std::move(id)};
        const Answer answer = co_await exchange(call_, request);  // a large one keeps others waiting for as long as it is held
        if (!answer.ok()) co_return std::nullopt;
        const Json container = co_await json_of(answer);
        const Json host = container.value("HostConfig", Json::object());
        const std::string image = container.value("Image", "");
        const bool is_object = rules::key_of(container.value("Name", "")) || call_.job.objects.with_id(Kind::container, container.value("Id", ""));
        const bool ours = !is_object && !image.empty() && host.value("NetworkMode", "") == network_ &&
                          container.value(Json::json_pointer("/Config/Image"), "").starts_with("sha256:") &&
                          rules::parse_date(container.value("Created", "")).value_or(0) >= record_.began();
        co_return ours ? std::optional(Step{container.value("Id", ""), image}) : std::nullopt;
    }

    Task<bool> is_step_image(std::string id)
    {
        const auto image = co_await call_.services.images.inspect(id);
        co_return image && is_nameless(*image);
    }

    Task<> stop_step()
    {
        if (!is_on_own_network()) {
            co_await record_.end_container();
            co_return;
        }
        if (output_.running().empty()) co_return;
        auto step = co_await container_of_step(output_.running());
        if (!step) co_return;
        EngineRequest removal{.op = Op::container_remove, .id = *std::move(step)};
        removal.query.set("force", "1");
        co_await exchange(call_, removal);
    }

    /// Before the client is told of them: what others know of is noted by then.
    Task<> note_containers()
    {
        for (std::string& started : output_.take_started()) {
            if (is_on_own_network() || started == noted_) continue;
            noted_ = started;
            try {
                if (auto step = co_await container_of_step(std::move(started))) co_await record_.note_container(*std::move(step));
            } catch (const EngineFailure& failure) {
                log::warn("the container of a build's step is not known", {{"job", call_.job.facts.id}, {"error", failure.what()}});
            }
        }
    }

    Task<> answer(Upstream& upstream)
    {
        const ResponseHead head = co_await upstream.read_head();
        if (head.status >= 400) {
            constexpr std::size_t error_max = 256 * 1024;
            std::string body = co_await upstream.read_body(head, error_max);
            throw Refused{error_of(call_, {head.status, std::string(head.header("content-type")), std::move(body)})};
        }
        co_await begin();
        // Whatever fails here, the engine goes on with the build: what it makes is read to the end.
        std::exception_ptr failed;
        const auto pass = [&](std::string_view lines) -> Task<> {
            const std::string seen = view(lines);
            try {
                if (!failed) co_await record_.note_steps();
                co_await note_containers();
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
            const auto written = message.contains("stream") && message["stream"].is_string() ? output_.as_written(message["stream"].get_ref<const std::string&>()) : std::nullopt;
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
    std::string network_;  ///< of the RUN steps, as sent
    std::string cached_;   ///< ids of images from which the builder may go on, as sent
    std::string noted_;    ///< the last container that was looked at for the record
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
