#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "broker/engine.h"

namespace broker {

/// The engine's events, heard once for everybody: the streams of them that jobs ask for cost the engine nothing, and one that nobody reads
/// keeps nobody waiting (dockerd waits 100 ms at each event for each stream of its own that is full).
class EngineEvents {
public:
    using Text = std::shared_ptr<const std::string>;
    /// What a listener is told of a line; null: nothing.
    using View = std::function<Text(std::string_view line)>;

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
        Task<std::string> next();

    private:
        friend class EngineEvents;
        void hear(std::string_view line);
        void break_off();

        EngineEvents& events_;
        std::list<Listener*>::iterator place_;
        View view_;
        Timer told_;  ///< cancelled when there is something
        std::vector<Text> waiting_;
        std::size_t bytes_ = 0;  ///< of what waits
        bool broke_off_ = false;
    };

    /// Goes on for ever. `began` is called each time that the engine's stream begins, `heed` with each line.
    Task<> follow(std::function<void()> began, std::function<void(std::string_view line)> heed);
    /// Waits until the engine is heard; EngineFailure when it is not soon.
    Task<> heard();

private:
    Engine& engine_;
    std::list<Listener*> listeners_;
    bool following_ = false;
};

}  // namespace broker
