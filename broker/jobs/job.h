#pragma once

#include <bitset>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "broker/engine/engine_events.h"
#include "broker/http/client.h"
#include "broker/io/text_throttle.h"
#include "broker/jobs/meter.h"
#include "broker/jobs/objects.h"
#include "rules/bodies/bodies.h"
#include "rules/names/firewall.h"
#include "rules/profile.h"
#include "rules/profile/knobs.h"
#include "rules/views/views.h"

namespace broker {

/// One connection that a job holds open, so that the job's end can cut it.
struct Connection {
    Client* client = nullptr;
    Wire* upstream = nullptr;  ///< while an exchange with the engine is under way
    int making = 0;            ///< exchanges that change the engine: they may finish before it is cut

    void cut() const
    {
        if (upstream) upstream->close();
        client->wire().close();
    }
};

/// The engine's event that a job saw last: its streams all see the same.
struct SeenEvent {
    std::uint64_t number = 0;  ///< EngineEvents::View
    std::shared_ptr<const Event> event;  ///< none: it is not the job's
};

struct JobBuilds;

/// One open job: its facts, its objects, its door and who is at it.
struct Job {
    Job(db::Job facts_, rules::Profile profile_, std::filesystem::path directory_, std::filesystem::path pins_directory_, db::Store& store,
        std::int64_t& next_row)
        : facts(std::move(facts_)),
          profile(std::move(profile_)),
          effective_profile(profile.observes() ? rules::permissive(profile) : profile),
          directory(std::move(directory_)),
          pins_directory(std::move(pins_directory_)),
          objects(facts.key, store, next_row)
    {
        objects.set_door(door().string());
    }

    std::filesystem::path door() const { return directory / "docker.sock"; }
    /// Where those outside reach its published ports; empty while it has no address.
    std::string address() const { return effective_profile.ports_address == "loopback" ? "127.0.0.1" : gateway; }
    bool open() const { return facts.state == db::JobState::open; }
    /// For what holds it to come back, before it ends.
    std::chrono::seconds grace() const { return std::chrono::seconds(profile.job_grace); }

    /// For rewriting a body that is sent in `version`.
    rules::RewriteContext rewrite_context(rules::Version version) const
    {
        return {facts.id, facts.key, profile.name, door().string(), version, cgroup};
    }
    rules::ViewFacts view_facts(rules::Version version) const { return {version, gateway, door().string()}; }

    /// The network that has `lease`, with the rules that it gets.
    rules::GuardedNetwork guarded(const db::SubnetLease& lease) const
    {
        return {facts.key, lease.bridge, lease.subnet, profile.metadata_reachable, profile.host_reachable, profile.network_egress};
    }

    db::Job facts;
    rules::Profile profile;  ///< as it was when the job was opened, or the daemon started
    rules::Profile effective_profile;   ///< under which requests are written anew: of a job that only observes, the opened one
    std::string answer_headers;    ///< header lines of every answer
    std::filesystem::path directory;  ///< of the door, the job's alone
    std::filesystem::path pins_directory;                           ///< what holds its paths by mounts; no other directory of the job's holds mounts
    std::map<std::string, std::vector<std::filesystem::path>> pins;  ///< by full id of the container that mounts them
    std::string cgroup;  ///< the parent of its containers' cgroups; empty: the profile has no limits for the job as a whole
    Objects objects;
    std::optional<Acceptor> acceptor;
    bool door_kept = false;  ///< the supervisor keeps its socket while we are away
    std::list<Connection> connections;
    Lock making;          ///< held while the default network is made, and while a volume is made or removed: the engine knows one by its name
    Lock networks;        ///< held while a network is made or removed: what one has of the host is known by its name
    Lock naming;          ///< held while an image gets or loses a name
    TextThrottle texts;
    std::size_t events_waiting = 0;  ///< bytes of events that wait for its streams
    SeenEvent last_event;
    std::size_t streams = 0;  ///< requests whose answer takes as long as somebody likes
    Lock unpacking;       ///< held while an archive is read: to unpack takes memory, and that of one job is bounded
    int close_waiters = 0;      ///< who hold on to this job in order to close it
    Clock::time_point seen = Clock::now();  ///< the last sign of whoever opened it
    int holders = 0;                        ///< connections that hold it open
    std::optional<Clock::time_point> anchor_stopped;  ///< when it was last seen to have stopped; empty: it runs, as far as is known
    bool anchor_awaited = false;                      ///< somebody looks at it again when the grace is over
    Clock::time_point retry = Clock::time_point::max();  ///< when to close it again, after a close that left something
    std::string gateway;  ///< address of the default network's gateway: where published ports are bound; leased before it is made
    std::set<std::string> built = {};  ///< ids of results of builds, where the profile keeps them
    std::set<std::int64_t> pending;  ///< intended rows whose request is still under way
    std::uint64_t spooled = 0;       ///< bytes of archives that it is sending, which wait on the disk until they are judged
    std::bitset<static_cast<std::size_t>(rules::Op::count)> used;  ///< operations of which the ledger has a request
    std::shared_ptr<JobBuilds> builds;  ///< with BuildKit, once there was one (broker/buildkit)
    RateLimiter request_rate;  ///< of requests, where the profile has one
    Meter meter;
    int refusals_logged = 0;           ///< in this second
    std::uint64_t refusals_unlogged = 0;  ///< in this second: only the ledger has them
};

/// Keeps a job that is being closed from going away under those who wait to close it too.
class Closing {
public:
    explicit Closing(Job& job) : job_(job) { ++job_.close_waiters; }
    Closing(const Closing&) = delete;
    Closing& operator=(const Closing&) = delete;
    ~Closing() { --job_.close_waiters; }

private:
    Job& job_;
};

}  // namespace broker
