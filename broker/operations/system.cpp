#include <fmt/format.h>

#include <map>
#include <unordered_set>

#include "broker/dial.h"
#include "broker/engine_events.h"
#include "broker/images.h"
#include "broker/operations.h"
#include "broker/relay.h"
#include "broker/shown_list.h"
#include "rules/endpoint_policy.h"
#include "rules/image_policy.h"
#include "rules/names.h"
#include "rules/until.h"

namespace broker {

using rules::Json;
using rules::Kind;
using rules::Op;

Task<> ping(Call& call)
{
    // Builder-Version 1: clients that ask the engine for its builder take the classic one, which is the one that is open.
    const bool options = call.route.endpoint->op == Op::system_options;
    co_await call.client.reply(200, "text/plain; charset=utf-8", options ? "" : "OK",
                               {{"Builder-Version", "1"}, {"Swarm", "inactive"}, {"Cache-Control", "no-cache, no-store, must-revalidate"}, {"Pragma", "no-cache"}});
}

Task<> version(Call& call)
{
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    const rules::Versions versions = rules::versions_under(call.services.engine.versions(), call.job.profile);
    const auto view = rules::view_version(answer.json(), versions.oldest, versions.newest);
    if (!view) throw EngineFailure("version has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

Task<> info(Call& call)
{
    const EngineRequest request = call.request();
    const Answer answer = co_await ask(call, request);
    rules::Counts counts;
    const auto count = [&counts](Json each) {
        const std::string state = each.value("State", "");
        ++(state == "running" ? counts.running : state == "paused" ? counts.paused : counts.stopped);
    };
    co_await for_containers(call, false, count);
    std::vector<std::string> ids;
    for (const db::Object& each : call.job.objects.all(Kind::image))
        if (!each.id.empty()) ids.push_back(each.id);
    std::ranges::sort(ids);
    counts.images = std::ranges::distance(ids.begin(), std::ranges::unique(ids).begin());
    const auto view = rules::view_info(answer.json(), counts);
    if (!view) throw EngineFailure("info has an unknown shape");
    co_await call.client.reply_json(200, *view);
}

/// How many containers of the job were made of each image, by its id.
static Task<std::map<std::string, std::int64_t>> containers_of_images(Call& call)
{
    std::map<std::string, std::int64_t> made_of;
    const auto count = [&](Json each) {
        if (call.job.objects.by_id(Kind::container, each.value("Id", ""))) ++made_of[each.value("ImageID", "")];
    };
    co_await for_containers(call, false, count);
    co_return made_of;
}

Task<> disk_usage(Call& call)
{
    EngineRequest request = call.request();
    request.query.erase("verbose");
    const auto made_of = co_await containers_of_images(call);
    const auto view = rules::usage_view(made_of, call.job.objects, call.view_facts());
    const auto measure = [&]() -> Task<> {
        // Engines before 23 measure for one client at a time and refuse the others: who they are is not the job's to know.
        for (;; co_await pause(50ms)) {
            const Answer answer = co_await show_lists(call, request, *view);
            if (answer.ok()) break;
            if (answer.status != 500 || answer.message().find("disk usage operation is already running") == std::string::npos) throw Refused{error_of(call, answer)};
        }
    };
    co_await while_client_stays(call, measure());
}

Task<> authenticate(Call& call)
{
    const rules::DialTarget registry = want(rules::login_target(call.body.value("serveraddress", "")));
    if (!registry.is_hub())
        judged(call, [&](const rules::Profile& profile) { return rules::check_registry(registry.text, profile, "serveraddress"); });
    co_await want_dial(call, registry, "serveraddress");
    EngineRequest request = call.request();
    request.body = call.body;
    const Answer answer = co_await ask(call, request);
    co_await call.client.reply(answer.status, "application/json", answer.body);
}

/// The event of an object that bears another job's label. (Who labels an image so hides its events from nobody but itself.)
static bool is_of_another_job(std::string_view line, std::string_view key)
{
    static const std::string label = "\"" + std::string(rules::label_key) + "\":\"";
    const std::size_t at = line.find(label);
    return at != line.npos && !line.substr(at + label.size()).starts_with(key);
}

/// `line` as the job sees it; null: it is not the job's.
static EngineEvents::Seen seen_event(Job& job, std::string_view line)
{
    if (is_of_another_job(line, job.facts.key)) return nullptr;
    Json event = rules::read_json(line).value_or(nullptr);
    if (!event.is_object()) return nullptr;
    auto view = rules::view_event(std::move(event), job.objects);
    if (!view) return nullptr;
    std::string text = view->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    return std::make_shared<const Event>(*std::move(view), std::move(text), job.events_waiting);
}

/// A stream of events: what the engine keeps of the past, when it is asked for, and what is heard from then on.
class EventStream {
public:
    explicit EventStream(Call& call)
        : call_(call),
          filters_(want(rules::Filters::parse(
              call.route.query.get("filters"), {"config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret", "service", "type", "volume"}))),
          since_(want(rules::timestamp_of(call.route.query.get("since")))), until_(want(rules::timestamp_of(call.route.query.get("until"))))
    {
    }

    Task<> run()
    {
        const bool is_followed = !until_ || (*until_ > now() && !(since_ > until_));
        if (is_followed) co_await call_.services.events.heard();
        begun_ = now();
        std::optional<EngineEvents::Listener> listener;
        const auto view = [this](std::string_view line, std::uint64_t number) { return heard(line, number); };
        const auto end = until_ ? Clock::now() + (*until_ - begun_) : Clock::time_point::max();
        telling_past_ = !is_followed || (since_ ? *since_ <= begun_ : until_.has_value());
        if (is_followed) listener.emplace(call_.services.events, co_await asio::this_coro::executor, view, end);
        if (telling_past_)
            co_await tell_past(!is_followed);
        else
            co_await call_.client.begin(200, "application/json");
        telling_past_ = false;
        while (listener) {
            auto seen = co_await listener->next();
            if (seen.empty()) break;
            Slices slices;
            for (EngineEvents::Seen& each : seen) {
                if (passes(*each)) text_ += each->text;
                each.reset();
                if (text_.size() > LongTexts::short_max) co_await tell();
                if (slices.over()) co_await slices.next();
            }
            co_await tell();
        }
        co_await call_.client.end();
    }

private:
    static std::chrono::nanoseconds now() { return std::chrono::system_clock::now().time_since_epoch(); }

    Task<> tell()
    {
        due_ += text_.size();
        if (due_ > LongTexts::short_max) co_await call_.job.texts.take(std::exchange(due_, 0));
        co_await call_.client.piece(text_);
        text_.clear();
    }

    /// What is heard is read once for all streams of the job.
    EngineEvents::Seen heard(std::string_view line, std::uint64_t number)
    {
        SeenEvent& last = call_.job.last_event;
        if (last.number != number) last = {number, seen_event(call_.job, line)};
        return last.event && is_first(*last.event, line) ? last.event : nullptr;
    }

    /// What happens while the past is asked for is told of once, whether it is heard first or stands there.
    bool is_first(const Event& event, std::string_view line)
    {
        if (event.json.value("timeNano", std::int64_t{0}) > begun_.count()) return true;
        const std::size_t hash = std::hash<std::string_view>{}(line);
        return telling_past_ ? told_.insert(hash).second : !told_.contains(hash);
    }

    bool passes(const Event& event) const
    {
        // Engines tell of these to clients that know them.
        const bool is_new = call_.route.version < rules::Version{1, 46} && event.json.value("Type", "") == "image" && event.json.value("Action", "") == "create";
        return !is_new && rules::event_passes(event.json, filters_);
    }

    Task<> tell_past(bool is_all)
    {
        const auto text_of = [](std::chrono::nanoseconds moment) { return fmt::format("{}.{:09}", moment.count() / 1'000'000'000, std::abs(moment.count() % 1'000'000'000)); };
        EngineRequest request = call_.request();
        request.query.erase("filters");
        if (since_) request.query.set("since", text_of(*since_));
        request.query.set("until", text_of(is_all ? *until_ : begun_));
        const auto view = [this](std::string_view line) {
            const EngineEvents::Seen seen = seen_event(call_.job, line);
            return seen && is_first(*seen, line) && passes(*seen) ? seen->text : std::string();
        };
        Upstream upstream = co_await call_.services.engine.send(request);
        const UpstreamShown while_relayed(call_.connection, upstream);
        const ResponseHead head = co_await upstream.read_head();
        const std::string last = co_await begin_lines(call_, upstream, head, view);
        co_await call_.client.piece(last);
    }

    Call& call_;
    rules::Filters filters_;
    std::optional<std::chrono::nanoseconds> since_, until_;
    std::chrono::nanoseconds begun_{};   ///< when it began to listen
    bool telling_past_ = false;
    std::unordered_set<std::size_t> told_;  ///< hashes of lines up to then, told while it told of the past
    std::string text_;                      ///< to be told
    std::size_t due_ = 0;                   ///< bytes that were told and not paid for
};

Task<> events(Call& call)
{
    EventStream stream(call);
    co_await while_client_stays(call, stream.run());
}

Task<> list_plugins(Call& call)
{
    co_await call.client.reply_json(200, Json::array());
}

}  // namespace broker
