#pragma once

#include "broker/exchange/request_record.h"
#include "broker/http/refused.h"
#include "broker/jobs/job.h"
#include "broker/jobs/services.h"

// Requests that are not served as they were asked: what their clients read, and what is kept and logged of it.
namespace broker {

/// Keeps the refusal of a rule, of the request that `record` is of, in the ledger and in the log; `observed`: the request went on all the same.
void note_refusal(Job& job, Services& services, Record& record, const rules::Error& error, bool observed);

/// The same of a head that was refused: all that is known of its request is that it came.
void note_refused_head(Job& job, Services& services, const rules::Error& error);

/// What the client reads when the exception that is being handled ended its request, which is logged: a broken engine is 502, a broken ledger
/// 503. Throws it again when the client can be told nothing: Gone, once an answer has begun (`answered`), and what is unknown.
rules::Error answer_to_failure(const Job& job, const Record& record, bool answered);

/// What `judge` answers under the job's profile, or the end of the request. Of a job that only observes, a refusal is recorded and `judge`
/// asked again under the opened profile: what that refuses too endangers the host.
template <class Judge>
auto enforce(Job& job, Services& services, Record& record, Judge judge)
{
    auto result = judge(job.profile);
    if (result || !job.profile.observes() || !rules::is_profile_key(result.error().rule)) return or_refuse(std::move(result));
    auto open = judge(job.effective_profile);
    if (open) note_refusal(job, services, record, result.error(), true);
    return or_refuse(std::move(open));
}

}  // namespace broker
