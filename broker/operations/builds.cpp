#include <fmt/format.h>

#include <boost/beast/core/detail/base64.hpp>
#include <ctime>
#include <list>

#include "broker/context.h"
#include "broker/images.h"
#include "broker/operations.h"
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

/// A parameter that holds JSON, read strictly and written anew; nothing when it is empty.
std::optional<Json> json_parameter(const rules::Query& query, std::string_view key)
{
    const std::string_view text = query.get(key);
    if (text.empty()) return std::nullopt;
    Json value = want(rules::parse_json(text));
    if (value.is_null()) return std::nullopt;
    return value;
}

/// The network of the RUN steps: the job's own, never docker0.
Task<std::string> network_of(Call& call)
{
    const std::string mode(call.route.query.get("networkmode"));
    if (mode == "none") co_return mode;
    if (mode == "host")
        throw Refused{
            rules::denied("host-namespace", "networkmode", mode, "leave --network out, or use --network none").value()};
    if (mode.starts_with("container:")) co_return "container:" + want(call.job.objects.container(mode.substr(10))).id;
    if (mode.empty() || mode == "default" || mode == "bridge") {
        co_await ensure_default_network(call);
        co_return want(call.job.objects.network("bridge")).real;
    }
    co_return want(call.job.objects.network(mode)).real;
}

std::vector<std::string> claimed_tags(const rules::Query& query)
{
    std::vector<std::string> tags;
    for (const std::string& text : query.all("t")) {
        const rules::Reference reference = want(rules::parse_reference(text));
        if (!reference.digest.empty()) throw Refused{{400, "build tag cannot contain a digest", {}, {}, {}}};
        tags.push_back(reference.familiar_tagged());
    }
    return tags;
}

/// What the RUN containers may take of the host is judged as for any container.
void bound_containers(rules::Query& query, const rules::Profile& profile)
{
    Json limits = Json::object();
    const auto ulimits = json_parameter(query, "ulimits");
    if (ulimits) limits["Ulimits"] = *ulimits;
    if (const std::string size(query.get("shmsize")); !size.empty())
        limits["ShmSize"] = std::strtoll(size.c_str(), nullptr, 10);
    const Json judged = want(rules::judge_build_limits(limits, profile));
    if (ulimits) query.set("ulimits", judged.value("Ulimits", Json::array()).dump());
}

/// The query that is sent: ours where it decides about the host, the client's where it only shapes the image.
Task<rules::Query> build_query(Call& call, const std::vector<std::string>& tags)
{
    rules::Query query = call.route.query;
    query.erase("t");
    for (const std::string& tag : tags) query.add("t", tag);
    query.set("networkmode", co_await network_of(call));
    query.set("rm", "1");
    query.set("forcerm", "1");
    query.erase("q");     // quiet is made here: what the builder prints tells what it made
    query.erase("pull");  // as are pulls
    if (auto args = json_parameter(query, "buildargs")) query.set("buildargs", args->dump());
    if (auto labels = json_parameter(query, "labels")) {
        if (!labels->is_object()) throw Refused{{400, "labels must be a JSON object", {}, {}, {}}};
        Json kept = Json::object();
        for (const auto& [key, value] : labels->items())
            if (!rules::is_own_label(key)) kept[key] = value;
        query.set("labels", kept.dump());
    }
    if (auto sources = json_parameter(query, "cachefrom")) {
        Json visible = Json::array();
        if (sources->is_array())
            for (const Json& each : *sources)
                if (each.is_string())
                    if (const auto image = call.job.objects.image(each.get<std::string>()))
                        visible.push_back(image->id);
        query.set("cachefrom", visible.dump());
    }
    bound_containers(query, call.job.profile);
    co_return query;
}

/// base64url, as Docker writes its headers; nothing when it is none.
std::optional<std::string> decode_base64(std::string text)
{
    namespace base64 = boost::beast::detail::base64;
    std::ranges::replace(text, '-', '+');
    std::ranges::replace(text, '_', '/');
    while (text.ends_with('=')) text.pop_back();
    std::string out(base64::decoded_size(text.size()) + 3, '\0');
    const auto [written, read] = base64::decode(out.data(), text.data(), text.size());
    if (read != text.size()) return std::nullopt;
    out.resize(written);
    return out;
}

std::string encode_base64(const std::string& text)
{
    namespace base64 = boost::beast::detail::base64;
    std::string out(base64::encoded_size(text.size()), '\0');
    out.resize(base64::encode(out.data(), text.data(), text.size()));
    std::ranges::replace(out, '+', '-');
    std::ranges::replace(out, '/', '_');
    return out;
}

/// What of X-Registry-Config is for the registry `domain`, as X-Registry-Auth; empty when nothing is.
std::string auth_for(std::string_view domain, std::string_view registry_config)
{
    const auto text = decode_base64(std::string(registry_config));
    const Json all = text ? Json::parse(*text, nullptr, false) : Json();
    if (!all.is_object()) return {};
    const std::string wanted = domain == "docker.io" ? "https://index.docker.io/v1/" : std::string(domain);
    for (const auto& [key, auth] : all.items()) {
        std::string_view host = key;
        if (key != wanted) {
            if (const std::size_t scheme = host.find("://"); scheme != host.npos) host.remove_prefix(scheme + 3);
            host = host.substr(0, host.find('/'));
        }
        if (key == wanted || host == domain) return encode_base64(auth.dump());
    }
    return {};
}

/// Where contexts are kept: on a disk rather than in memory.
std::filesystem::path spool_directory()
{
    const char* given = std::getenv("TMPDIR");
    return given && *given ? given : "/var/tmp";
}

/// References that no other job may write as long as this lasts.
class Resting {
public:
    explicit Resting(Call& call) : images_(call.services.images), job_(call.job.facts.key) {}
    Resting(const Resting&) = delete;
    Resting& operator=(const Resting&) = delete;
    ~Resting()
    {
        for (const std::string& each : references_) images_.unrest(each, job_);
    }
    void add(const std::string& reference)
    {
        images_.rest(reference, job_);
        references_.push_back(reference);
    }

private:
    Images& images_;
    std::string job_;
    std::vector<std::string> references_;
};

/// One build, from the context's first byte to the ledger.
class Build {
public:
    explicit Build(Call& call) : call_(call), images_(call.services.images), resting_(call), context_(spool_directory())
    {
    }

    Task<> run()
    {
        quiet_ = call_.route.query.flag("q");
        tags_ = claimed_tags(call_.route.query);
        build_args_ = json_parameter(call_.route.query, "buildargs").value_or(Json());
        co_await receive();
        rules::Result<Dockerfile> found;
        co_await aside([&] { found = context_.find(std::string(call_.route.query.get("dockerfile"))); });
        dockerfile_ = want(std::move(found));
        const std::vector<std::string> bases = want(rules::bases_of(dockerfile_.text, build_args_));

        bool admitted = false;
        const auto admit = [&]() -> Task<> { admitted = co_await admit_all(bases); };
        try {
            co_await while_client_stays(call_, admit());
        } catch (const Refused& refused) {
            if (!call_.client.answered()) throw;
            last_words_ = refused.error.message;
        }
        if (admitted)
            co_await build();
        else
            co_await finish();
    }

private:
    Task<> receive()
    {
        constexpr auto idle_limit = 60s;
        constexpr std::size_t portion = 256 * 1024;
        Client& client = call_.client;
        BodyReader body = co_await client.open_body(call_.head);
        client.wire().widen();
        std::string pending;
        for (;;) {
            client.deadline = Clock::now() + idle_limit;
            std::string_view piece;
            try {
                piece = co_await body.next();
            } catch (const BadFraming&) {
                throw Refused{{400, "malformed chunked body", {}, {}, {}}};
            }
            client.deadline = Clock::time_point::max();
            pending.append(piece);
            if (context_.size() + pending.size() > context_max)
                throw Refused{{413, "the build context is too large", {}, {}, {}}};
            if (pending.size() >= portion || piece.empty()) {
                co_await aside([&] { context_.append(pending); });
                pending.clear();
            }
            if (piece.empty()) break;
        }
        client.body_was_read();
    }

    /// Every image that the builder will look up is the job's, or is pulled for it. False when a pull failed and the
    /// client was told.
    Task<bool> admit_all(const std::vector<std::string>& bases)
    {
        const bool pull = call_.route.query.flag("pull");
        for (const std::string& base : bases) {
            const std::string id = co_await admit(base, pull);
            if (id.empty()) co_return false;
            const Json config = want(co_await images_.config(id));
            const auto triggers = config.find("OnBuild");
            if (triggers == config.end() || !triggers->is_array()) continue;
            for (const Json& trigger : *triggers) {
                const std::vector<std::string> sources =
                    want(rules::bases_of_trigger(trigger.is_string() ? trigger.get<std::string>() : std::string()));
                for (const std::string& source : sources)
                    if ((co_await admit(source, false)).empty()) co_return false;
            }
        }
        co_return true;
    }

    /// The id of the image that both the job and the engine know as `base`, pulled when there is none; empty when the
    /// pull failed.
    Task<std::string> admit(const std::string& base, bool pull)
    {
        const auto parsed = rules::parse_reference(base);
        if (parsed) resting_.add(parsed->familiar_tagged());
        if (!pull)
            if (std::string id = co_await known(base); !id.empty()) co_return id;
        rules::Reference reference = want(parsed);
        if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
        if (!reference.digest.empty()) reference.tag.clear();
        const auto pass = [&](std::string_view lines) -> Task<> {
            if (quiet_ && lines.find("\"error") == lines.npos) co_return;
            co_await begin();
            co_await call_.client.piece(lines);
        };
        const std::string auth = auth_for(reference.domain, call_.head.header("x-registry-config"));
        if (!co_await pull_for(call_, reference, std::string(call_.route.query.get("platform")), auth, pass))
            co_return std::string();
        std::string id = co_await known(base);
        if (id.empty()) throw EngineFailure("a pulled image is not there");
        co_return id;
    }

    /// What the engine finds as `base`, if that is an image of the job.
    Task<std::string> known(const std::string& base)
    {
        const auto image = co_await images_.inspect(base);
        std::string id = image ? image->value("Id", "") : std::string();
        co_return call_.job.objects.by_id(Kind::image, id) ? id : std::string();
    }

    Task<> begin()
    {
        if (!call_.client.answered()) co_await call_.client.begin(200, "application/json");
    }

    Task<> build()
    {
        EngineRequest request = call_.request();
        request.query = co_await build_query(call_, tags_);
        request.query.set("dockerfile", dockerfile_.path);
        request.registry_config = std::string(call_.head.header("x-registry-config"));
        began_ = std::time(nullptr) - 2;

        const auto exchange = [&]() -> Task<> {
            Upstream upstream = co_await call_.services.engine.send_head(request, std::nullopt, "application/x-tar");
            const UpstreamShown while_relayed(call_.connection, upstream);
            const auto send_all = [&]() -> Task<> {
                co_await send(upstream);
                co_await pause(std::chrono::hours(24 * 365));
            };
            co_await race(answer(upstream), send_all());
        };
        std::exception_ptr ended;
        try {
            {
                const Making making(call_);
                co_await claim();
            }
            co_await while_client_stays(call_, exchange());
        } catch (const Refused& refused) {
            settled_ = true;
            if (call_.client.answered())
                last_words_ = refused.error.message;
            else
                ended = std::current_exception();
        } catch (...) {
            ended = std::current_exception();
        }
        {
            // However it ended, what is on the engine now is the job's. The build itself may be cut by the job's end,
            // this not.
            const Recording recording(call_.connection);
            co_await record();
        }
        if (ended) std::rethrow_exception(ended);
        co_await finish();
    }

    Task<> claim()
    {
        Objects& objects = call_.job.objects;
        for (const std::string& tag : tags_) {
            resting_.add(tag);
            want(co_await images_.claim(tag, call_.job.facts.key));
            if (objects.named(Kind::image, tag)) continue;
            db::Object object;
            object.kind = Kind::image;
            object.name = object.real = tag;
            pending_.emplace_back(call_.job, co_await objects.intend(std::move(object)));
        }
    }

    Task<> send(Upstream& upstream)
    {
        Rewriter rewriter(context_, dockerfile_);
        std::string broken;
        for (;;) {
            const std::string* piece = nullptr;
            try {
                co_await aside([&] { piece = &rewriter.next(); });
            } catch (const std::runtime_error& failure) {
                broken = failure.what();
            }
            if (!piece) throw Refused{{400, "the build context cannot be read: " + broken, {}, {}, {}}};
            const std::string size = fmt::format("{:x}\r\n", piece->size());
            try {
                co_await upstream.wire().write(size, *piece, "\r\n");
            } catch (const Gone&) {
                co_return;  // the engine reads no more: its answer says why
            }
            if (piece->empty()) co_return;
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
        const auto pass = [&](std::string_view lines) -> Task<> {
            const std::string seen = view(lines);
            co_await call_.client.piece(seen);
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
            const Json message = Json::parse(line, nullptr, false);
            output_.read(message);
            if (!quiet_ || message.contains("error") || message.contains("aux"))
                out += rules::scrub(call_.job.facts.key, line);
        }
        return out;
    }

    bool made_now(const Json& image) const
    {
        return rules::parse_date(image.value("Created", "")).value_or(0) >= began_;
    }

    Task<> record()
    {
        const bool done = settled_ && !output_.failed() && !output_.result().empty();
        for (const std::string& tag : tags_) co_await record_tag(tag, done);
        for (const std::string& id : output_.made()) co_await record_nameless(id, false);
        if (!output_.result().empty()) co_await record_nameless(output_.result(), true);
    }

    Task<> record_tag(const std::string& tag, bool done)
    {
        Objects& objects = call_.job.objects;
        const auto image = co_await images_.inspect(tag);
        const std::string id = image ? image->value("Id", "") : std::string();
        // A build that was cut off may have come to its end all the same.
        const bool ours = done ? id == output_.result() : !settled_ && image && made_now(*image);
        if (ours) {
            images_.restore(
                tag, call_.job.facts.key);  // another build of the tag may have failed meanwhile, and given it up
            co_await record_image(call_, tag, id, db::Origin::made);
            co_return;
        }
        const db::Object* row = objects.named(Kind::image, tag);
        if (!row || row->state == db::ObjectState::live) co_return;
        if (!settled_) co_return;  // the engine may still be at it: an intended row is looked up when the job ends
        co_await objects.gone(row->row);
        images_.release(tag, call_.job.facts.key);
    }

    /// Steps can print any id: only what has no name and was made meanwhile is the job's to remove. The result is the
    /// job's in any case; when it came from the cache whole, it stays for those who made it.
    Task<> record_nameless(const std::string& id, bool result)
    {
        const auto image = co_await images_.inspect(id);
        if (!image) co_return;
        const bool named =
            !rules::is_zero(image->value("RepoTags", Json())) || !rules::is_zero(image->value("RepoDigests", Json()));
        const std::string full = image->value("Id", "");
        if (named || call_.job.objects.by_id(Kind::image, full) || (!result && !made_now(*image))) co_return;
        co_await record_image(call_, {}, full, made_now(*image) ? db::Origin::made : db::Origin::pulled);
    }

    /// The last of the answer.
    Task<> finish()
    {
        co_await begin();
        if (!last_words_.empty()) {
            const Json last = {{"errorDetail", {{"message", last_words_}}}, {"error", last_words_}};
            co_await call_.client.piece(last.dump(-1, ' ', false, Json::error_handler_t::replace) + "\r\n");
        } else if (quiet_ && !output_.failed() && !output_.result().empty()) {
            co_await call_.client.piece(Json({{"stream", output_.result() + "\n"}}).dump() + "\r\n");
        }
        co_await call_.client.end();
    }

    Call& call_;
    Images& images_;
    Resting resting_;
    Context context_;
    Dockerfile dockerfile_;
    Json build_args_;
    std::vector<std::string> tags_;
    std::list<Pending> pending_;
    rules::BuildOutput output_;
    std::string last_words_;  ///< of a refusal after the answer's beginning
    std::int64_t began_ = 0;
    bool quiet_ = false;
    bool settled_ = false;  ///< the engine's answer was read to its end, or is an error
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
