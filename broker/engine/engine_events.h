#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "broker/engine/engine.h"

namespace broker {

/// An event as a job sees it. The memory of those that wait for a job's streams is counted for as long as they are there.
struct Event {
    Event(rules::Json json_, std::string text_, std::size_t& waiting_) : json(std::move(json_)), text(std::move(text_)), waiting(waiting_)
    {
        waiting += memory();
    }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() { waiting -= memory(); }

    std::size_t memory() const { return 8 * text.size(); }  ///< about, of both

    const rules::Json json;
    const std::string text;  ///< the same as a line
    std::size_t& waiting;    ///< bytes of all of the job's
};

/// The engine's events, heard once for everybody: the streams of them that jobs ask for cost the engine nothing, and one that nobody reads
/// keeps nobody waiting (dockerd waits 100 ms at each event for each stream of its own that is full).
class EngineEvents {
public:
    using Seen = std::shared_ptr<const Event>;
    /// What a listener sees of a line; null: nothing. `number`: of the line among those that were heard.
    using View = std::function<Seen(std::string_view line, std::uint64_t number)>;

    explicit EngineEvents(Engine& engine) : engine_(engine) {}

    /// Hears what the engine tells while it lives.
    class Listener {
    public:
        /// `until`: when it has heard enough.
        Listener(EngineEvents& events, Executor executor, View view, Clock::time_point until);
        Listener(const Listener&) = delete;
        Listener& operator=(const Listener&) = delete;
        ~Listener();

        /// What was told since it last asked; waits for it. Empty: the time is over. Throws Gone when the engine's stream broke off.
        Task<std::vector<Seen>> next();

    private:
        friend class EngineEvents;
        bool is_over() const { return told_.expiry() <= Clock::now(); }
        void deliver(std::string_view line, std::uint64_t number);
        void break_off();

        EngineEvents& events_;
        View view_;
        Timer told_;  ///< cancelled when there is something
        std::vector<Seen> waiting_;
        bool broke_off_ = false;
        std::list<Listener*>::iterator place_;
    };

    /// Goes on for ever. `began` is called each time that the engine's stream begins, `on_line` with each line.
    Task<> follow(std::function<void()> began, std::function<void(std::string_view line)> on_line);
    /// Waits until the engine is heard; EngineFailure when it is not soon heard again.
    Task<> connected();

private:
    Engine& engine_;
    std::list<Listener*> listeners_;
    std::list<Listener*>::iterator next_ = listeners_.end();  ///< to be told of a line; others have their turn between two
    std::uint64_t heard_ = 0;  ///< lines
    bool following_ = false, has_followed_ = false;
};

}  // namespace broker
