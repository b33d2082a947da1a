#include <string_view>
#include <utility>
#include <vector>

#include "broker/buildkit/buildkit.h"
#include "broker/buildkit/bytes_transport.h"
#include "broker/buildkit/rpc.h"
#include "broker/buildkit/upgrade.h"
#include "rules/buildkit/attributes.h"
#include "rules/buildkit/methods.h"
#include "rules/buildkit/session.h"

// A session: the engine asks the client. Toward the engine berth is the server, toward the client it is a client. The client's connection is that of
// `POST /session`, or a stream of bytes within gRPC (`Control.Session`).
namespace broker {
namespace {

/// `head`: of the request or of the call, which have the same fields.
template <class Fields>
rules::AnnouncedSession announced(const Fields& head)
{
    std::vector<std::pair<std::string_view, std::string_view>> fields;
    for (const auto& each : head) fields.emplace_back(each.name, each.value);
    return or_refuse(rules::announced_session(fields));
}

/// What goes on of a peer's fields besides those that every call has.
Http2Fields metadata(const Http2Fields& fields)
{
    Http2Fields kept;
    for (const Http2Field& each : fields) {
        const bool is_common = each.name.starts_with(':') || each.name == "content-type" || each.name == "te" || each.name == "host" ||
                               each.name == "content-length" || each.name == "grpc-encoding" || each.name == "grpc-accept-encoding";
        if (!is_common) kept.push_back(each);
    }
    return kept;
}

Task<> pass_all(Http2Stream& from, Http2Stream& to)
{
    for (;;) {
        const std::string_view piece = co_await from.read();
        if (piece.empty()) break;
        co_await to.write(piece);
    }
}

/// One call of the engine's: its messages go through as they are.
class SessionCall {
public:
    SessionCall(const rules::AnnouncedSession& session, Http2Connection& client) : session_(session), client_(client) {}

    Task<> run(std::shared_ptr<Http2Stream> engine) const
    {
        std::optional<GrpcStatus> failed;
        try {
            co_await relay(*engine);
        } catch (const GrpcStatus& status) {
            failed = status;
        } catch (const Gone&) {
            failed = GrpcStatus{GrpcCode::unavailable, "the client's session ended"};
        }
        if (failed && !engine->is_over() && !engine->has_answered()) answer_status(*engine, *failed);
    }

private:
    Task<> relay(Http2Stream& engine) const
    {
        const std::string path(value_of(engine.head(), ":path"));
        if (!session_.methods.contains(path)) throw GrpcStatus{GrpcCode::unimplemented, "the session has no such method"};
        Http2Fields head = grpc_request(path);
        for (Http2Field& each : metadata(engine.head())) head.push_back(std::move(each));
        const auto client = client_.open(head);
        const auto up = [&]() -> Task<> {
            try {
                co_await pass_all(engine, *client);
                co_await client->end();
            } catch (const StreamGone&) {
                // The client takes no more: its answer says why.
            }
            co_await forever();
        };
        const auto down = [&]() -> Task<> { co_await answer(*client, engine); };
        const auto both = [&]() -> Task<> { co_await race(up(), down()); };
        if (co_await race(both(), engine.over()) != 0) throw StreamGone("the engine has ended the call", 0);
    }

    Task<> answer(Http2Stream& client, Http2Stream& engine) const
    {
        co_await client.head_arrived();
        if (value_of(client.head(), ":status") != "200") throw GrpcStatus{GrpcCode::unavailable, "the client's session does not speak gRPC"};
        if (!value_of(client.head(), "grpc-status").empty()) {
            answer_status(engine, status_of(client));
            co_return;
        }
        engine.answer(grpc_answer());
        co_await pass_all(client, engine);
        co_await engine.end(trailers_of(status_of(client)));
    }

    const rules::AnnouncedSession& session_;
    Http2Connection& client_;
};

/// The job's session for as long as it lasts.
class Registered {
public:
    Registered(const Call& call, std::string id, BuildSession& session) : builds_(builds_of(call)), id_(std::move(id))
    {
        if (!builds_.sessions.emplace(id_, &session).second) throw Refused{{400, "session " + id_ + " already exists"}};
    }
    Registered(const Registered&) = delete;
    Registered& operator=(const Registered&) = delete;
    ~Registered() { builds_.sessions.erase(id_); }

private:
    JobBuilds& builds_;
    std::string id_;
};

EngineRequest session_request(const Call& call, const rules::AnnouncedSession& session)
{
    if (builds_of(call).sessions.size() >= builds_max) throw Refused{{429, "berth: the job has too many sessions at a time"}};
    if (builds_of(call).sessions.contains(session.id)) throw Refused{{400, "session " + session.id + " already exists"}};
    EngineRequest request{.op = rules::Op::session};
    const std::string& key = call.job.facts.key;
    request.headers = {{"X-Docker-Expose-Session-Uuid", rules::building_name(key, session.id)}, {"X-Docker-Expose-Session-Name", session.name}};
    // Without one the engine would take what another job's session has sent for what this one had sent before.
    request.headers.emplace_back("X-Docker-Expose-Session-Sharedkey", rules::building_name(key, session.shared_key));
    for (const std::string& each : session.methods) request.headers.emplace_back("X-Docker-Expose-Session-Grpc-Method", each);
    return request;
}

/// Until one of both ends it.
Task<> relay_session(Call& call, const rules::AnnouncedSession& session, Wire& client_wire, Wire& engine_wire)
{
    const Executor executor = co_await asio::this_coro::executor;
    Children children(executor);
    Http2Connection client(client_wire, Http2Connection::Role::client, executor);
    const SessionCall served(session, client);
    const auto accept = [&](std::shared_ptr<Http2Stream> stream) {
        if (children.count() < calls_max) children.run(served.run(std::move(stream)));
    };
    Http2Connection engine(engine_wire, Http2Connection::Role::server, executor, {}, accept);
    BuildSession known(client, session.methods.contains(std::string(rules::credentials_method)));
    const Registered registered(call, session.id, known);
    co_await run_both(client, engine, children);
}

}  // namespace

Task<> serve_session(Call& call)
{
    const rules::AnnouncedSession session = announced(call.head.headers);
    const EngineRequest request = session_request(call, session);
    Upstream upstream = co_await switch_to_http2(call, request);
    const CutWithJob while_relayed(call.connection, upstream);
    co_await relay_session(call, session, call.client.wire(), upstream.wire());
}

Task<> serve_inner_session(Rpc& rpc)
{
    const rules::AnnouncedSession session = announced(rpc.stream.head());
    const EngineRequest request = session_request(rpc.call, session);
    Upstream upstream = co_await switched_engine(rpc.call, request);
    rpc.stream.answer(grpc_answer());
    Wire client(std::make_unique<BytesTransport>(rpc.stream));
    co_await relay_session(rpc.call, session, client, upstream.wire());
    co_await rpc.stream.end(trailers_of({}));
}

}  // namespace broker
