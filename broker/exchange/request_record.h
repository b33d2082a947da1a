#pragma once

#include "broker/http/http.h"
#include "broker/jobs/job.h"
#include "db/store.h"
#include "rules/api/endpoints.h"

namespace broker {

/// What may be kept of a refusal.
struct KeptRefusal {
    std::string field;
    std::string rule;  ///< empty: no rule refused
    std::string value;
};
KeptRefusal kept_refusal(const rules::Endpoint* row, const rules::Error& error);

/// What the ledger keeps of one request: filled in while it is served, and given to the database thread when it is over,
/// however it ended. That thread redacts and serialises it. The beginning and the end of a request are told to its job's meter here, too.
///
/// Kept are requests that write, and those that a rule refused or would have refused; of a row that only reads, the first in a job.
class Record {
public:
    Record(Job& job, db::Store& store, const RequestHead& head, const Spend& spend);
    ~Record();
    Record(const Record&) = delete;
    Record& operator=(const Record&) = delete;

    const rules::Endpoint* endpoint = nullptr;  ///< once it is known
    rules::Json body = {};                      ///< as the client wrote it
    bool whole = true;                          ///< false: its body is too large to be kept
    rules::Json facts = {};                     ///< null: none; rules::AskedRequest::facts

    /// Of several refusals that were observed the first is kept; one that ended the request says more.
    void note(const KeptRefusal& refusal, bool observed);

private:
    bool is_kept(bool first) const;

    Job& job_;
    db::Store& store_;
    const RequestHead& head_;
    const Spend& spend_;
    std::int64_t at_;
    rules::Outcome outcome_ = rules::Outcome::allowed;
    KeptRefusal refusal_;
};

}  // namespace broker
