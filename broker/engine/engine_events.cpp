#include "broker/engine/engine_events.h"

#include "broker/http/lines.h"
#include "broker/io/log.h"

namespace broker {

EngineEvents::Listener::Listener(EngineEvents& events, Executor executor, View view, Clock::time_point until)
    : events_(events), view_(std::move(view)), told_(executor, until), place_(events.listeners_.insert(events.listeners_.end(), this))
{
}

EngineEvents::Listener::~Listener()
{
    if (events_.next_ == place_) ++events_.next_;
    events_.listeners_.erase(place_);
}

void EngineEvents::Listener::deliver(std::string_view line, std::uint64_t number)
{
    // Who does not read misses events, as with dockerd. Of a job with many such streams only those that read are told more.
    constexpr std::size_t events_max = 1024, memory_max = std::size_t{8} << 20;
    if (waiting_.size() >= events_max || is_over()) return;
    try {
        Seen seen = view_(line, number);
        if (!seen || seen->waiting > (waiting_.empty() ? 2 * memory_max : memory_max)) return;
        waiting_.push_back(std::move(seen));
    } catch (const std::exception& failure) {
        log::error("an event cannot be shown", {{"error", failure.what()}});
        broke_off_ = true;
    }
    told_.cancel();
}

void EngineEvents::Listener::break_off()
{
    broke_off_ = true;
    told_.cancel();
}

Task<std::vector<EngineEvents::Seen>> EngineEvents::Listener::next()
{
    while (waiting_.empty() && !is_over()) {
        if (broke_off_) throw Gone("the engine's events broke off");
        co_await told_.async_wait(use_task_tuple);
    }
    co_return std::exchange(waiting_, {});
}

Task<> EngineEvents::follow(std::function<void()> began, std::function<void(std::string_view line)> on_line)
{
    const EngineRequest request{.op = rules::Op::system_events};
    for (bool broke_off = false;; broke_off = true) {
        try {
            if (broke_off) co_await engine_.learn();  // it may be another version now
            Upstream upstream = co_await engine_.send(request);
            const ResponseHead head = co_await upstream.read_head();
            if (head.status != 200) throw EngineFailure("it answers " + std::to_string(head.status));
            following_ = has_followed_ = true;
            began();
            BodyReader body(upstream.wire(), head);
            Lines lines;
            Slices slices;
            for (std::string_view piece = co_await body.next(); !piece.empty(); piece = co_await body.next()) {
                lines.feed(piece);
                while (const auto line = lines.next()) {
                    ++heard_;
                    for (next_ = listeners_.begin(); next_ != listeners_.end();) {
                        (*next_++)->deliver(*line, heard_);
                        if (slices.over()) co_await slices.next();
                    }
                    on_line(*line);  // behind the listeners: it may forget the object that they show
                    if (slices.over()) co_await slices.next();
                }
            }
        } catch (const std::exception& failure) {
            log::warn("the engine's events broke off", {{"error", failure.what()}});
        }
        following_ = false;
        for (Listener* each : listeners_) each->break_off();
        co_await pause(1s);
    }
}

Task<> EngineEvents::connected()
{
    constexpr auto step = 20ms, soon = 3000ms;
    for (auto waited = 0ms; !following_; waited += step) {
        if (waited >= soon && has_followed_) throw EngineFailure("its events are not heard");
        co_await pause(step);
    }
}

}  // namespace broker
