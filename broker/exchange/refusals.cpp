#include "broker/exchange/refusals.h"

#include <ctime>

#include "broker/archives/spool.h"
#include "broker/engine/engine.h"
#include "broker/io/log.h"

namespace broker {
namespace {

using rules::Error;

/// Of each job and second so many refusals get a line in the log; the ledger has them all.
constexpr int logged_max = 20;

/// In the ledger's list of refusals, and in the log.
void note(Job& job, Services& services, const rules::Endpoint* endpoint, const KeptRefusal& refusal, bool observed)
{
    ++(observed ? job.meter.observed : job.meter.refusals);
    const std::string name = endpoint ? std::string(endpoint->name) : "unknown";
    db::Refusal row{job.facts.key, name, refusal.field, refusal.rule + (observed ? " (observed)" : ""), refusal.value, std::time(nullptr)};
    services.store.enqueue([row = std::move(row)](db::Ledger& ledger) { ledger.add(row); });
    if (job.refusals_logged >= logged_max) {
        ++job.refusals_unlogged;
        return;
    }
    ++job.refusals_logged;
    log::warn(observed ? "would be refused" : "refused",
              {{"job", job.facts.id}, {"endpoint", name}, {"rule", refusal.rule}, {"field", refusal.field}, {"value", refusal.value.substr(0, 256)}});
}

}  // namespace

void note_refusal(Job& job, Services& services, Record& record, const Error& error, bool observed)
{
    const KeptRefusal refusal = kept_refusal(record.endpoint, error);
    record.note(refusal, observed);
    if (!refusal.rule.empty()) note(job, services, record.endpoint, refusal, observed);
}

void note_refused_head(Job& job, Services& services, const Error& error)
{
    KeptRefusal refusal = kept_refusal(nullptr, error);
    note(job, services, nullptr, refusal, false);
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

Error answer_to_failure(const Job& job, const Record& record, bool answered)
{
    const auto told = [&](std::string_view part, std::string_view what, Error answer) {
        log::error(part, {{"job", job.facts.id}, {"endpoint", record.endpoint ? record.endpoint->name : "?"}, {"error", what}});
        return answer;
    };
    try {
        throw;
    } catch (const EngineFailure& failure) {
        return told("engine", failure.what(), {502, "berth: the engine does not answer"});
    } catch (const rules::Json::exception& failure) {
        // Not what it says, which may quote the answer.
        return told("engine", "its answer has an unknown shape (JSON error " + std::to_string(failure.id) + ")",
                    {502, "berth: the engine's answer has an unknown shape"});
    } catch (const Gone& gone) {
        if (answered) throw;
        // The engine broke off, unless the client is gone: then telling it fails too.
        return told("engine", gone.what(), {502, "berth: the engine broke off"});
    } catch (const SpoolFailure& failure) {
        return told("spool", failure.what(), {507, "berth: the host cannot keep what is sent: " + failure.code().message()});
    } catch (const db::Failure& failure) {
        return told("ledger", failure.what(), {503, "berth: the ledger cannot be written, so nothing may be made"});
    }
}

}  // namespace broker
