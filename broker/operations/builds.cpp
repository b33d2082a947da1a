#include <algorithm>
#include <ctime>
#include <list>
#include <map>
#include <random>
#include <set>

#include "broker/context.h"
#include "broker/image_cache.h"
#include "broker/operations.h"
#include "broker/operations/build_query.h"
#include "broker/relay.h"
#include "rules/build_output.h"
#include "rules/dockerfile.h"
#include "rules/names.h"
#include "rules/reference.h"
#include "rules/until.h"

namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

/// One build, from the context's first byte to the ledger.
class Build {
public:
    explicit Build(Call& call) : call_(call), images_(call.services.images) {}

    Task<> run()
    {
        quiet_ = call_.route.query.flag("q");
        for (std::string& name : claimed_tags(call_.route.query)) {
            std::string real = want(rules::real_reference(key(), want(rules::parse_reference(name))));
            tags_.push_back({std::move(name), std::move(real)});
        }
        build_args_ = json_parameter(call_.route.query, "buildargs").value_or(Json());
        co_await receive_archive(call_, context_);
        rules::Result<Dockerfile> found;
        {
            const auto turn = co_await call_.job.unpacking.hold();
            co_await aside([&] { found = find_dockerfile(context_, std::string(call_.route.query.get("dockerfile"))); }, Aside::archive);
        }
        dockerfile_ = want(std::move(found));
        dockerfile_.text = judged(call_, [&](const rules::Profile& profile) {
            return rules::with_local_sources(dockerfile_.text, profile);
        });
        const std::vector<rules::Base> bases = want(rules::bases_of(dockerfile_.text, build_args_, call_.route.query.get("target")));

        call_.client.will_send_messages();
        bool admitted = false;
        const auto admit = [&]() -> Task<> { admitted = co_await admit_all(bases); };
        co_await while_client_stays(call_, admit());
        if (admitted)
            co_await build();
        else
            co_await finish();
    }

private:
    /// What the result is to be called: by the job (nothing: it asked for no tag), and by the engine.
    struct Tag {
        std::string name, real;
    };

    const std::string& key() const { return call_.job.facts.key; }

    /// Every image that the builder will look up is the job's, or is pulled for it; the Dockerfile then names it as the
    /// engine does. False when a pull failed and the client was told.
    Task<bool> admit_all(const std::vector<rules::Base>& bases)
    {
        const bool pull = call_.route.query.flag("pull");
        std::map<std::string, std::string> reals;
        std::vector<std::string> names;
        for (const rules::Base& base : bases) {
            std::string& real = reals[base.name];
            if (real.empty()) {
                const auto image = co_await admit(base.name, pull);
                if (!image) co_return false;
                real = image->real;
                const Json config = want(co_await images_.config(image->id));
                if (const auto triggers = config.find("OnBuild"); triggers != config.end() && triggers->is_array())
                    for (const Json& trigger : *triggers)
                        check(trigger.is_string() ? trigger.get<std::string>() : std::string());
            }
            names.push_back(real);
        }
        dockerfile_.text = rules::rebased(dockerfile_.text, bases, names);
        co_return true;
    }

    /// What a base image has the builder do without showing it.
    void check(const std::string& trigger)
    {
        want(rules::check_trigger(trigger));
        judged(call_, [&](const rules::Profile& profile) { return rules::check_trigger_sources(trigger, profile); });
    }

    /// The job's image `base`, pulled when there is none; nullopt when the pull failed.
    Task<std::optional<rules::Named>> admit(const std::string& base, bool pull)
    {
        if (!pull)
            if (auto known = call_.job.objects.image(base)) {
                call_.services.cache.used(known->id);
                co_return std::move(*known);
            }
        rules::Reference reference = want(rules::parse_reference(base));
        if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
        if (!reference.digest.empty()) reference.tag.clear();
        const auto pass = [&](std::string_view lines) -> Task<> {
            if (quiet_ && lines.find("\"error") == lines.npos) co_return;
            co_await begin();
            co_await call_.client.piece(lines);
        };
        const std::string auth = auth_for(reference.domain, call_.head.header("x-registry-config"));
        if (!co_await pull_for(call_, reference, std::string(call_.route.query.get("platform")), auth, pass))
            co_return std::nullopt;
        co_return want(call_.job.objects.image(reference.familiar()));
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
            co_await intend();
        }
        std::vector<std::string> reals;
        for (const Tag& tag : tags_) reals.push_back(tag.real);
        const auto resting = co_await images_.among_others_under(std::string(built_images));
        request.query = co_await build_query(call_, reals);
        request.query.set("dockerfile", dockerfile_.path);
        request.registry_config = std::string(call_.head.header("x-registry-config"));
        network_ = std::string(request.query.get("networkmode"));
        began_ = std::time(nullptr) - 2;
        const auto grown = co_await parents();
        for (const auto& [image, parent] : grown)
            if (call_.job.objects.by_id(Kind::image, image)) parents_before_.insert(parent);

        const auto exchange = [&]() -> Task<> {
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
            co_await record();
        }
        if (ended) std::rethrow_exception(ended);
        if (abandoned_) throw Gone("the client has closed");
        co_await finish();
    }

    /// The rows of the result. A result without a tag is held by a reference of ours from its first moment.
    Task<> intend()
    {
        Objects& objects = call_.job.objects;
        if (tags_.empty()) {
            static std::mt19937_64 random{std::random_device{}()};
            tags_.push_back({{}, rules::building_reference(key(), static_cast<std::int64_t>(random() >> 1))});
        }
        for (const Tag& tag : tags_) {
            if (!tag.name.empty() && objects.named(Kind::image, tag.name)) {
                co_await hold_before_move(call_, tag.name);
                continue;
            }
            db::Object object;
            object.kind = Kind::image;
            object.name = tag.name;
            object.real = tag.real;
            pending_.emplace_back(call_.job, co_await objects.intend(std::move(object)));
        }
    }

    /// Once nobody waits for the build any more (the client has gone, or the job has ended): the engine would stop if
    /// we left it, but what it was about to keep then would have no name. So the container of each RUN step is removed,
    /// started or not, until the builder gives up.
    Task<> stop_when_abandoned()
    {
        constexpr auto limit = 60s;  // for what cannot be removed: a large COPY
        co_await call_.client.wire().closed_by_peer();
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) co_return;
        abandoned_ = true;
        const Recording recording(call_.connection);
        for (const auto deadline = Clock::now() + limit; Clock::now() < deadline; co_await pause(50ms))
            if (!output_.running().empty()) co_await stop_step(output_.running());
    }

    /// Removes the container `id` if it is one of this build's: the id was printed, and steps print what they like.
    Task<> stop_step(std::string id)
    {
        EngineRequest request{.op = Op::container_inspect, .id = id};
        const Answer answer = co_await exchange(call_, request);
        if (!answer.ok()) co_return;
        const Json container = answer.json();
        const Json config = container.value("Config", Json::object()), host = container.value("HostConfig", Json::object());
        const Json labels = config.value("Labels", Json());
        const std::string image = container.value("Image", "");
        const auto is_step = [&](const std::string& made) { return image.starts_with("sha256:" + made); };
        const bool ours = (!labels.is_object() || !labels.contains(rules::label_key)) && host.value("NetworkMode", "") == network_ &&
                          (std::ranges::any_of(output_.made(), is_step) || call_.job.objects.by_id(Kind::image, image)) &&
                          rules::parse_date(container.value("Created", "")).value_or(0) >= began_;
        if (!ours) co_return;
        request = {.op = Op::container_remove, .id = container.value("Id", "")};
        request.query.set("force", "1");
        co_await exchange(call_, request);
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
        const auto pass = [&](std::string_view lines) -> Task<> {
            const std::string seen = view(lines);
            co_await note_steps();
            if (abandoned_) co_return;
            try {
                co_await call_.client.piece(seen);
            } catch (const Gone&) {
                abandoned_ = true;
            }
        };
        co_await pass_lines(upstream, head, pass);
        settled_ = true;
    }

    /// The lines as the job may read them; what they tell is kept.
    std::string view(std::string_view lines)
    {
        std::string out;
        while (!lines.empty()) {
            const std::size_t end = std::min(lines.find('\n'), lines.size() - 1) + 1;
            const std::string_view line = lines.substr(0, end);
            lines.remove_prefix(end);
            const Json message = rules::read_json(line).value_or(nullptr);
            output_.read(message);
            if (!quiet_ || message.contains("error") || message.contains("aux"))
                out += rules::scrub(call_.job.facts.key, line);
        }
        return out;
    }

    /// Records the ids of the steps as they are told: after a crash the reap finds them by these.
    Task<> note_steps()
    {
        while (steps_.size() < output_.made().size()) {
            db::Object step;
            step.kind = Kind::image;
            step.real = output_.made()[steps_.size()];
            step.created = began_;
            steps_.push_back(co_await call_.job.objects.intend(std::move(step)));
        }
    }

    Task<> record()
    {
        const auto turn = co_await call_.job.naming.hold();
        for (const Tag& tag : tags_) co_await record_result(tag);
        co_await record_steps();
    }

    Task<> record_result(const Tag& tag)
    {
        Objects& objects = call_.job.objects;
        const auto image = co_await images_.inspect(tag.real);
        const std::string id = image ? image->value("Id", "") : std::string();
        const db::Object* row = find_row(tag);
        if (!row) co_return;  // taken away meanwhile by the job itself
        if (id.empty()) {
            // Cut off, the engine may still be at it: the row is looked up when the job ends.
            if (row->state == db::ObjectState::intended && settled_) co_await objects.gone(row->row);
            co_return;
        }
        if (row->id != id) {
            if (row->id.empty()) {
                co_await objects.live(row->row, id);
            } else {
                db::Object moved = *row;
                moved.id = id;
                moved.origin = db::Origin::made;
                co_await objects.gone(moved.row);
                co_await objects.adopt(std::move(moved));
            }
        }
        if (call_.job.profile.image_cache == "built") call_.job.built.insert(id);
        co_await drop_nameless(call_, id);
    }

    const db::Object* find_row(const Tag& tag) const
    {
        if (!tag.name.empty()) return call_.job.objects.named(Kind::image, tag.name);
        for (const db::Object& each : call_.job.objects.all(Kind::image))
            if (each.real == tag.real) return call_.job.objects.at(each.row);
        return nullptr;
    }

    /// Of the steps that nothing else holds on to, the last ones (of a stage, or of a build that failed) are the job's
    /// images without a name. Steps can print any id: the job's is only what has no name and was made meanwhile.
    Task<> record_steps()
    {
        std::set<std::string> parents, made;
        for (const std::string& step : output_.made()) {
            const auto image = co_await images_.inspect(step);
            if (!image) continue;
            parents.insert(image->value("Parent", ""));
            if (is_nameless(*image) && rules::parse_date(image->value("Created", "")).value_or(0) >= began_)
                made.insert(image->value("Id", ""));
        }
        for (const std::string& id : made)
            if (!parents.contains(id)) co_await hold_nameless(call_, id);
        co_await hold_orphans();
        for (const std::int64_t row : steps_) co_await call_.job.objects.gone(row);
    }

    /// The images that grew from another one, with that one.
    Task<std::map<std::string, std::string>> parents()
    {
        EngineRequest request{.op = Op::image_list};
        request.query.set("all", "1");
        std::map<std::string, std::string> found;
        const auto note = [&found](Json image) {
            if (const std::string parent = image.value("ParentId", ""); !parent.empty()) found[image.value("Id", "")] = parent;
        };
        EachElement images(note);
        co_await call_.services.engine.list(request, images);
        co_return found;
    }

    /// A builder that takes steps over makes their images anew where another job's step is like ours, and lets our
    /// image grow from those: what it grew from before has lost its only hold, and is the job's image without a name.
    Task<> hold_orphans()
    {
        if (parents_before_.empty()) co_return;
        const auto grown = co_await parents();
        for (const auto& [image, parent] : grown) parents_before_.erase(parent);
        for (const std::string& id : parents_before_) {
            const auto image = co_await images_.inspect(id);
            if (image && is_nameless(*image)) co_await hold_nameless(call_, id);
        }
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
    Images& images_;
    Spool context_{call_.job.spooled};
    Dockerfile dockerfile_;
    Json build_args_;
    std::vector<Tag> tags_;
    std::list<Pending> pending_;
    std::vector<std::int64_t> steps_;  ///< rows of output_.made()
    std::set<std::string> parents_before_;  ///< of the job's images, when the build began
    rules::BuildOutput output_;
    std::string network_;  ///< of the RUN steps, as sent
    std::int64_t began_ = 0;
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
