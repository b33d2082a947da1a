#pragma once

#include <string>

#include "broker/engine/engine.h"
#include "broker/exchange/refusals.h"
#include "broker/http/client.h"
#include "broker/jobs/job.h"
#include "rules/api/route.h"

namespace broker {

/// A request in the hands of its operation: routed, resolved, its JSON body admitted.
struct Call {
    Services& services;
    Job& job;
    Connection& connection;
    Client& client;
    const RequestHead& head;
    Record& record;
    Spend& spend;
    rules::Route route;
    rules::Named target = {};  ///< what `{id}` of the path is, when the row has one
    rules::Json body = {};     ///< admitted by the row's schema

    /// A request to the engine for this row: resolved id, the parameters that go on, the client's version.
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
auto enforce(Call& call, Judge judge)
{
    return enforce(call.job, call.services, call.record, std::move(judge));
}

/// Waits until the job may have one request more, where its profile says how many it may have in a second.
Task<> keep_pace(Job& job);

/// Text for the job: no real name, and what the client wrote in place of the id that we sent for it.
std::string shown(const Call& call, std::string text);

/// The engine's error as the job may read it; 404 of an object that we knew means it is gone.
rules::Error error_of(const Call& call, const Answer& answer);

/// An exchange with the engine on behalf of the job, whose large answers come one after the other.
Task<Answer> exchange(Call& call, const EngineRequest& request);
/// The answer, or the end of the request with the engine's error.
Task<Answer> ask(Call& call, const EngineRequest& request);
/// The object `id` of `kind` as the engine tells it.
Task<Answer> inspect(Call& call, rules::Kind kind, std::string id);
/// A list of the engine's, element by element, or the end of the request with its error.
Task<> ask_list(Call& call, const EngineRequest& request, Elements& elements);

}  // namespace broker
