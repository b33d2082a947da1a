#pragma once

#include <string>

#include "broker/http/client.h"
#include "broker/engine/engine.h"
#include "broker/jobs/job.h"
#include "broker/exchange/request_record.h"
#include "rules/api/route.h"

namespace broker {

class EngineEvents;
class Firewall;
class ImageCache;
class Images;
class Leases;
class Resolver;
class Supervisor;

/// What every exchange shares.
struct Services {
    asio::io_context& io;
    Engine& engine;
    EngineEvents& events;
    db::Store& store;
    Images& images;
    ImageCache& cache;
    Leases& leases;
    Firewall& firewall;
    Resolver& resolver;
    Supervisor& supervisor;
    std::set<std::string>& steps;  ///< full ids of containers that builds have noted as theirs
};

/// A request that goes no further; caught once, in the exchange, and answered in Docker's form.
struct Refused {
    rules::Error error;
};

/// The value, or the end of the request.
template <class T>
T want(rules::Result<T> result)
{
    if (!result) throw Refused{std::move(result.error())};
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Keeps the refusal of a rule, of the request that `record` is of, in the ledger and in the log; `observed`: the request went on all the same.
void account(Job& job, Services& services, Record& record, const rules::Error& error, bool observed);

/// What `judge` answers under the job's profile, or the end of the request. Of a job that only observes, a refusal is recorded and `judge`
/// asked again under the opened profile: what that refuses too endangers the host.
template <class Judge>
auto judged(Job& job, Services& services, Record& record, Judge judge)
{
    auto result = judge(job.profile);
    if (result || !job.profile.observes() || !rules::is_policy(result.error().rule)) return want(std::move(result));
    auto open = judge(job.acting);
    if (open) account(job, services, record, result.error(), true);
    return want(std::move(open));
}

/// A request in the hands of its operation: routed, resolved, its JSON body admitted.
struct Call {
    Services& services;
    Job& job;
    Connection& connection;
    Client& client;
    const RequestHead& head;
    Record& record;
    rules::Route route;
    rules::Named target = {};  ///< what `{id}` of the path is, when the row has one
    rules::Json body = {};     ///< admitted by the row's schema

    /// A request to the engine for this row: resolved id, disposed query, the client's version.
    EngineRequest request() const
    {
        EngineRequest request{.op = route.endpoint->op};
        request.id = target.id;
        request.query = route.query;
        request.version = route.version;
        return request;
    }
    rules::ViewFacts view_facts() const { return job.view_facts(route.version); }
};

template <class Judge>
auto judged(Call& call, Judge judge)
{
    return judged(call.job, call.services, call.record, std::move(judge));
}

/// Text for the job: no real name, and what the client wrote in place of the id that we sent for it.
std::string shown(const Call& call, std::string text);

/// The engine's error as the job may read it; 404 of an object that we knew means it is gone.
rules::Error error_of(const Call& call, const Answer& answer);

/// An exchange with the engine on behalf of the job, whose large answers come one after the other.
Task<Answer> exchange(Call& call, const EngineRequest& request);
/// The answer, or the end of the request with the engine's error.
Task<Answer> ask(Call& call, const EngineRequest& request);
/// A list of the engine's, element by element, or the end of the request with its error.
Task<> ask_list(Call& call, const EngineRequest& request, Elements& elements);

}  // namespace broker
