#include "broker/exchange/exchange.h"

#include <ctime>

#include "broker/archives/archive.h"
#include "broker/io/log.h"
#include "broker/operations/operations.h"
#include "rules/policy/endpoint_policy.h"

// The life of a request, top to bottom: head → job → route → whose → body → operation → answer.
namespace broker {
namespace {

using rules::Error;

/// Of each job and second so many refusals get a line in the log; the ledger has them all.
constexpr int refusals_logged_max = 20;

/// Some clients (docker-modem) repeat a request's options as a body where dockerd reads none: it is read and goes no further.
/// A body of start held a HostConfig once, and is refused as dockerd does.
Task<> drop_body(Client& client, const RequestHead& head, rules::Op op, LongTexts& texts)
{
    constexpr std::size_t ignored_max = 64 * 1024;
    std::optional<Lock::Held> turn;
    const rules::Json body = want(co_await client.read_json(head, ignored_max, texts, turn));
    if (op == rules::Op::container_start && !rules::is_zero(body))
        throw Refused{{400, "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24", {}, {}, {}}};
}

Task<> serve_request(Connection& connection, Job& job, Services& services, const RequestHead& head)
{
    Client& client = *connection.client;
    Record record(job, services.store, head);
    const rules::Endpoint* const& endpoint = record.endpoint;
    std::optional<Error> refusal;
    std::optional<Lock::Held> large;
    try {
        ++job.requests;
        if (const auto rate = job.profile.job_requests_per_second; rate > 0)
            if (const auto wait = job.pace.turn(Clock::now(), Clock::duration(1s) / rate, 5s); wait > Clock::duration::zero()) co_await pause(wait);
        if (head.target.size() > LongTexts::short_max) co_await job.texts.take(head.target.size());
        if (!job.open()) throw Refused{{503, "berth: the job has ended", {}, {}, {}}};
        if (!services.engine.known()) co_await services.engine.learn();

        const rules::Versions versions = rules::versions_under(services.engine.versions(), job.profile);
        rules::Route route = want(rules::find_route(head.method, head.target, versions, &record.endpoint));
        judged(job, services, record, [&](const rules::Profile& profile) { return rules::check_endpoint(route, profile); });
        rules::Named target;
        const bool resolved_by_operation = endpoint->kind == rules::Kind::image || endpoint->kind == rules::Kind::network || endpoint->op == rules::Op::volume_remove;
        if (endpoint->kind != rules::Kind::none && !resolved_by_operation) target = want(job.objects.resolve(endpoint->kind, route.id));

        rules::Json body;
        if (endpoint->body == rules::Body::json) {
            rules::Json given = want(co_await client.read_json(head, static_cast<std::size_t>(job.profile.body_max), job.texts, large));
            if (given.is_null()) given = rules::Json::object();  // Go clients write so what they leave out
            record.whole = !large;
            if (record.whole) record.body = given;
            if (large) {
                rules::Result<rules::Json> admitted = rules::Json();
                const auto admit = [&] { admitted = rules::admit(std::move(given), *endpoint->schema); };
                co_await aside(admit, Aside::json);
                body = want(std::move(admitted));
            } else {
                body = want(rules::admit(std::move(given), *endpoint->schema));
            }
            want(rules::check_since(body, *endpoint->schema, versions.newest));
        } else if (endpoint->body == rules::Body::none && head.framing != Framing::none)
            co_await drop_body(client, head, endpoint->op, job.texts);

        Call call{services, job, connection, client, head, record, std::move(route), std::move(target), std::move(body)};
        co_await operate(call);
        co_return;
    } catch (const Refused& refused) {
        refusal = refused.error;
    } catch (const EngineFailure& failure) {
        log::error("engine", {{"job", job.facts.id}, {"endpoint", endpoint ? endpoint->name : "?"}, {"error", failure.what()}});
        refusal = Error{502, "berth: the engine does not answer", {}, {}, {}};
    } catch (const rules::Json::exception& failure) {
        // Not what it says, which may quote the answer.
        log::error("engine", {{"job", job.facts.id}, {"endpoint", endpoint ? endpoint->name : "?"}, {"error", "its answer has an unknown shape (JSON error " + std::to_string(failure.id) + ")"}});
        refusal = Error{502, "berth: the engine's answer has an unknown shape", {}, {}, {}};
    } catch (const Gone& gone) {
        if (client.answered()) throw;
        // The engine broke off, unless the client is gone: then telling it fails too.
        log::error("engine", {{"job", job.facts.id}, {"endpoint", endpoint ? endpoint->name : "?"}, {"error", gone.what()}});
        refusal = Error{502, "berth: the engine broke off", {}, {}, {}};
    } catch (const SpoolFailure& failure) {
        log::error("spool", {{"job", job.facts.id}, {"endpoint", endpoint ? endpoint->name : "?"}, {"error", failure.what()}});
        refusal = Error{507, "berth: the host cannot keep what is sent: " + failure.code().message(), {}, {}, {}};
    } catch (const db::Failure& failure) {
        log::error("ledger", {{"job", job.facts.id}, {"endpoint", endpoint ? endpoint->name : "?"}, {"error", failure.what()}});
        refusal = Error{503, "berth: the ledger cannot be written, so nothing may be made", {}, {}, {}};
    }
    account(job, services, record, *refusal, false);
    co_await client.refuse(*refusal);
}

/// In the ledger's list of refusals, and in the log.
void account(Job& job, Services& services, const rules::Endpoint* endpoint, const KeptRefusal& refusal, bool observed)
{
    ++(observed ? job.observed : job.refusals);
    const std::string name = endpoint ? std::string(endpoint->name) : "unknown";
    db::Refusal row{job.facts.key, name, refusal.field, refusal.rule + (observed ? " (observed)" : ""), refusal.value, std::time(nullptr)};
    services.store.enqueue([row = std::move(row)](db::Ledger& ledger) { ledger.add(row); });
    if (job.refusals_logged >= refusals_logged_max) {
        ++job.refusals_unlogged;
        return;
    }
    ++job.refusals_logged;
    log::warn(observed ? "would be refused" : "refused",
              {{"job", job.facts.id}, {"endpoint", name}, {"rule", refusal.rule}, {"field", refusal.field}, {"value", refusal.value.substr(0, 256)}});
}

/// A head that was refused has no request: what is known of it is that it came.
void account_head(Job& job, Services& services, const Error& error)
{
    KeptRefusal refusal = kept_refusal(nullptr, error);
    account(job, services, nullptr, refusal, false);
    db::Request request;
    request.job = job.facts.key;
    request.at = std::time(nullptr);
    request.endpoint = "unknown";
    request.whole = false;
    request.outcome = rules::Outcome::refused;
    request.field = std::move(refusal.field);
    request.rule = std::move(refusal.rule);
    request.value = std::move(refusal.value);
    services.store.enqueue([request = std::move(request)](db::Ledger& ledger) { ledger.add(request); });
}

/// Puts the connection on the job's list for as long as it lasts.
class Listed {
public:
    Listed(Job& job, Client& client) : job_(job), place_(job.connections.insert(job.connections.end(), Connection{&client, nullptr, false})) {}
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { job_.connections.erase(place_); }
    Connection& connection() { return *place_; }

private:
    Job& job_;
    std::list<Connection>::iterator place_;
};

}  // namespace

void account(Job& job, Services& services, Record& record, const Error& error, bool observed)
{
    const KeptRefusal refusal = kept_refusal(record.endpoint, error);
    record.note(refusal, observed);
    if (!refusal.rule.empty()) account(job, services, record.endpoint, refusal, observed);
}

Task<> serve_job(Socket socket, Job& job, Services services)
{
    Client client(std::move(socket), job.identity);
    Listed listed(job, client);
    try {
        for (;;) {
            const auto head = co_await client.read_head();
            if (head) co_await serve_request(listed.connection(), job, services, *head);
            if (const auto& bad = client.refused_head()) account_head(job, services, *bad);
            if (head && client.persistent()) continue;
            if (client.body_unread()) co_await client.linger();
            break;
        }
    } catch (const Gone&) {
        // The peer is gone, or was cut at the end of the job: nothing is left to say.
    } catch (const std::exception& failure) {
        log::error("connection failed", {{"job", job.facts.id}, {"error", failure.what()}});
    }
    client.wire().close();
}

}  // namespace broker
