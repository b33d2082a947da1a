#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "broker/exchange/call.h"
#include "broker/http2/connection.h"
#include "rules/buildkit/sources.h"

namespace broker {

/// The side of a job's client on which the engine asks it: for files, secrets, passwords.
class BuildSession {
public:
    BuildSession(Http2Connection& client, bool has_credentials) : client_(client), has_credentials_(has_credentials) {}

    /// What the client knows for the registry `domain`, as an X-Registry-Auth; empty: nothing.
    Task<std::string> credentials(std::string domain);

private:
    Http2Connection& client_;
    bool has_credentials_;
};

/// A build under way, which its client knows by one ref. The engine may be asked for it several times: each time that its policy refuses a
/// source which the job may have, that is fetched, and the build begins anew.
class RunningBuild {
public:
    RunningBuild(Executor executor, Broadcast& begun) : begun_(begun), changed_(executor) {}

    /// The engine's ref of the present attempt; empty: there is none yet.
    const std::string& real() const { return real_; }
    int attempt() const { return attempt_; }
    bool is_over() const { return over_; }

    void begin(std::string real)
    {
        real_ = std::move(real);
        ++attempt_;
        changed_.wake();
        begun_.wake();
    }
    void end()
    {
        over_ = true;
        changed_.wake();
    }
    /// The attempt of that number is to begin anew, with the sources that there are now.
    void restart(int attempt)
    {
        restart_ = std::max(restart_, attempt);
        changed_.wake();
    }
    bool is_to_restart() const { return restart_ >= attempt_; }

    /// Returns when something of it changes.
    Task<> changed() { return changed_.wait(); }

    rules::BuildSources sources;
    bool pull = false;     ///< bases are pulled though the job has them
    std::string session;   ///< the client's

private:
    Broadcast& begun_;
    Broadcast changed_;
    std::string real_;
    int attempt_ = 0;
    int restart_ = 0;
    bool over_ = false;
};

/// What a job has of BuildKit.
struct JobBuilds {
    explicit JobBuilds(Executor executor) : begun(executor) {}

    std::map<std::string, BuildSession*> sessions;                       ///< by the client's id
    std::map<std::string, std::shared_ptr<RunningBuild>> running;  ///< by the client's ref
    Broadcast begun;                ///< an attempt of one of them, or one is over
    std::deque<std::string> ended;  ///< the last refs of those that are over: who asks for one of them need not wait for it
};
JobBuilds& builds_of(const Call& call);

}  // namespace broker
