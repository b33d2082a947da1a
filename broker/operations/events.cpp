#include <fmt/format.h>

#include <cstdlib>
#include <unordered_set>

#include "broker/engine/engine_events.h"
#include "broker/exchange/relay.h"
#include "broker/operations/operations.h"
#include "rules/api/until.h"
#include "rules/names/names.h"

namespace broker {
namespace {

using rules::Json;

/// The event of an object that bears another job's label. (Who labels an image so hides its events from nobody but itself.)
bool is_of_another_job(std::string_view line, std::string_view key)
{
    static const std::string label = "\"" + std::string(rules::label_key) + "\":\"";
    const std::size_t at = line.find(label);
    return at != line.npos && !line.substr(at + label.size()).starts_with(key);
}

/// `line` as the job sees it; null: it is not the job's.
EngineEvents::Seen seen_event(Job& job, std::string_view line)
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
          filters_(
              or_refuse(rules::Filters::parse(call.route.query.get("filters"), {"config", "container", "daemon", "event", "image", "label", "network",
                                                                                "node", "plugin", "scope", "secret", "service", "type", "volume"}))),
          since_(or_refuse(rules::timestamp_of(call.route.query.get("since")))),
          until_(or_refuse(rules::timestamp_of(call.route.query.get("until"))))
    {
    }

    Task<> run()
    {
        const bool is_followed = !until_ || (*until_ > now() && !(since_ > until_));
        if (is_followed) co_await call_.services.events.connected();
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
                if (text_.size() > TextThrottle::short_max) co_await tell();
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
        if (call_.spend.part(text_.size())) co_await call_.spend.pay();
        co_await call_.client.piece(text_);
        text_.clear();
    }

    /// A line is parsed once for all streams of the job.
    EngineEvents::Seen heard(std::string_view line, std::uint64_t number)
    {
        SeenEvent& last = call_.job.last_event;
        if (last.number != number) last = {number, seen_event(call_.job, line)};
        return last.event && is_first(*last.event, line) ? last.event : nullptr;
    }

    /// An event that happens while the past is asked for can come twice, live and in the answer: it is told once.
    bool is_first(const Event& event, std::string_view line)
    {
        if (event.json.value("timeNano", std::int64_t{0}) > begun_.count()) return true;
        const std::size_t hash = std::hash<std::string_view>{}(line);
        return telling_past_ ? told_.insert(hash).second : !told_.contains(hash);
    }

    bool passes(const Event& event) const
    {
        // dockerd tells of an image's creation from API 1.46 on.
        const bool is_new =
            call_.route.version < rules::Version{1, 46} && event.json.value("Type", "") == "image" && event.json.value("Action", "") == "create";
        return !is_new && rules::event_passes(event.json, filters_);
    }

    Task<> tell_past(bool is_all)
    {
        const auto text_of = [](std::chrono::nanoseconds moment) {
            return fmt::format("{}.{:09}", moment.count() / 1'000'000'000, std::abs(moment.count() % 1'000'000'000));
        };
        EngineRequest request = call_.request();
        for (const char* each : {"filters", "since"}) request.query.erase(each);
        if (since_) request.query.set("since", text_of(*since_));
        request.query.set("until", text_of(is_all ? *until_ : begun_));
        const auto view = [this](std::string_view line) {
            const EngineEvents::Seen seen = seen_event(call_.job, line);
            return seen && is_first(*seen, line) && passes(*seen) ? seen->text : std::string();
        };
        Upstream upstream = co_await call_.services.engine.send(request);
        const CutWithJob while_relayed(call_.connection, upstream);
        const std::string last = co_await begin_lines(call_, upstream, view);
        co_await call_.client.piece(last);
    }

    Call& call_;
    rules::Filters filters_;
    std::optional<std::chrono::nanoseconds> since_, until_;
    std::chrono::nanoseconds begun_{};   ///< when it began to listen
    bool telling_past_ = false;
    std::unordered_set<std::size_t> told_;  ///< hashes of the events that were told while the past was
    std::string text_;                      ///< to be told
};

}  // namespace

Task<> events(Call& call)
{
    EventStream stream(call);
    co_await while_client_stays(call, stream.run());
}

}  // namespace broker
