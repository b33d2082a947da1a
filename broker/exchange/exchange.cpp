#include "broker/exchange/exchange.h"

#include "broker/io/offload.h"
#include "broker/io/log.h"
#include "rules/policy/endpoint_policy.h"

// The life of a request, top to bottom: head → row → whose → body → operation → answer.
namespace broker {
namespace {

using rules::Json;

/// The JSON body, admitted by the row's schema. A helper thread reads a large one, whose place among those of the job stays taken in `large`.
Task<Json> admitted_body(Client& client, const RequestHead& head, const rules::Endpoint& row, std::size_t limit, Spend& spend, Record& record,
                         std::optional<Lock::Held>& large)
{
    Json given = or_refuse(co_await client.read_json(head, limit, spend, large));
    if (given.is_null()) given = Json::object();  // Go clients write so what they leave out
    record.whole = !large;
    if (record.whole) record.body = given;
    const auto admit = [&] { return rules::admit(std::move(given), *row.schema); };
    rules::Result<Json> admitted = Json();
    if (large)
        co_await offload([&] { admitted = admit(); }, Threads::json);
    else
        admitted = admit();
    co_return or_refuse(std::move(admitted));
}

/// Some clients (docker-modem) repeat a request's options as a body where dockerd reads none: it is read and goes no further.
Task<> drop_body(Client& client, const RequestHead& head, const rules::Endpoint& row, Spend& spend)
{
    constexpr std::size_t ignored_max = 64 * 1024;
    std::optional<Lock::Held> turn;
    const Json body = or_refuse(co_await client.read_json(head, ignored_max, spend, turn));
    if (!row.needs.body_refusal.empty() && !rules::is_zero(body)) throw Refused{{400, std::string(row.needs.body_refusal)}};
}

Task<> answer(Connection& connection, Job& job, Services& services, const RequestHead& head, Record& record, Spend& spend, Operate operate)
{
    Client& client = *connection.client;
    co_await keep_pace(job);
    if (spend.text(head.target.size())) co_await spend.pay();
    if (!job.open()) throw Refused{{503, "berth: the job has ended"}};
    if (!services.engine.known()) co_await services.engine.learn();

    rules::MatchedEndpoint found = or_refuse(rules::find_endpoint(head.method, head.target));
    const rules::Endpoint& row = *(record.endpoint = found.endpoint);
    const rules::Versions versions = rules::versions_under(services.engine.versions(), job.profile);
    rules::Route route = or_refuse(rules::route_to(std::move(found), versions));
    enforce(job, services, record, [&](const rules::Profile& profile) { return rules::check_endpoint(route, profile); });

    rules::Named target;
    if (row.kind != rules::Kind::none && !row.needs.own_lookup) target = or_refuse(job.objects.resolve(row.kind, route.id));

    std::optional<Lock::Held> large;
    Json body;
    if (row.body == rules::Body::json) {
        body = co_await admitted_body(client, head, row, static_cast<std::size_t>(job.profile.body_max), spend, record, large);
        or_refuse(rules::check_since(body, *row.schema, versions.newest));
    } else if (row.body == rules::Body::none && head.framing != Framing::none) {
        co_await drop_body(client, head, row, spend);
    }

    Call call{services, job, connection, client, head, record, spend, std::move(route), std::move(target), std::move(body)};
    co_await operate(call);
}

Task<> serve_request(Connection& connection, Job& job, Services& services, const RequestHead& head, Operate operate)
{
    Spend spend(job.texts);
    Record record(job, services.store, head, spend);
    rules::Error refusal;
    try {
        co_await answer(connection, job, services, head, record, spend, operate);
        co_return;
    } catch (const Refused& refused) {
        refusal = refused.error;
    } catch (...) {
        refusal = answer_to_failure(job, record, connection.client->answered());
    }
    note_refusal(job, services, record, refusal, false);
    co_await connection.client->refuse(refusal);
}

/// Puts the connection on the job's list for as long as it lasts.
class Listed {
public:
    Listed(Job& job, Client& client) : job_(job), place_(job.connections.insert(job.connections.end(), Connection{&client})) {}
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { job_.connections.erase(place_); }
    Connection& connection() { return *place_; }

private:
    Job& job_;
    std::list<Connection>::iterator place_;
};

}  // namespace

Task<> serve_job(std::unique_ptr<Transport> transport, Caller caller, Services services, Operate operate)
{
    Job& job = caller.job;
    Client client(std::move(transport), job.answer_headers);
    Listed listed(job, client);
    try {
        for (;;) {
            const auto head = co_await client.read_head();
            if (head) co_await serve_request(listed.connection(), job, services, *head, operate);
            if (const auto& bad = client.refused_head()) note_refused_head(job, services, *bad);
            if (head && client.persistent()) continue;
            if (client.body_unread()) co_await client.linger();
            break;
        }
    } catch (const Gone&) {
        // The peer is gone, or was cut at the end of the job: nothing is left to say.
    } catch (const std::exception& failure) {
        log::error("connection failed", {{"job", job.facts.id}, {"by", right_name(caller.right)}, {"error", failure.what()}});
    }
    client.wire().close();
}

}  // namespace broker
