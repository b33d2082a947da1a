#include "broker/exchange/request_record.h"

#include <atomic>
#include <ctime>
#include <memory>

#include "broker/engine/redaction.h"

namespace broker {
namespace {

using rules::Json;
using rules::Outcome;

std::string text_of(const Json& json)
{
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);  // ASCII: control characters are escaped, of C1 too
}

constexpr std::size_t target_short = 256;

/// Bodies and targets that wait for the database thread: together they are bounded, and one that is too many is not kept.
class Waiting {
public:
    /// Null: there is no room.
    static std::shared_ptr<Waiting> with(std::size_t bytes)
    {
        if (sum.fetch_add(bytes) + bytes > most) {
            sum -= bytes;
            return nullptr;
        }
        return std::make_shared<Waiting>(bytes);
    }
    explicit Waiting(std::size_t bytes) : bytes_(bytes) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { sum -= bytes_; }

private:
    static constexpr std::size_t most = std::size_t{4} << 20;
    static inline std::atomic<std::size_t> sum;
    std::size_t bytes_;
};

bool only_reads(const rules::Endpoint& row)
{
    using rules::Method;
    return row.method == Method::get || row.method == Method::head || row.method == Method::options || row.needs.unrecorded;
}

}  // namespace

KeptRefusal kept_refusal(const rules::Endpoint* row, const rules::Error& error)
{
    if (error.rule.empty()) return {};
    return {redactor().field(error.field), error.rule, redactor().value(row, error.field, error.value)};
}

Record::Record(Job& job, db::Store& store, const RequestHead& head, const Spend& spend)
    : job_(job), store_(store), head_(head), spend_(spend), at_(std::time(nullptr))
{
    ++job_.meter.requests;
}

void Record::note(const KeptRefusal& refusal, bool observed)
{
    if (observed && outcome_ != Outcome::allowed) return;
    outcome_ = observed ? Outcome::observed : refusal.rule.empty() ? Outcome::failed : Outcome::refused;
    if (!refusal.rule.empty()) refusal_ = refusal;
}

bool Record::is_kept(bool first) const
{
    if (outcome_ == Outcome::refused || outcome_ == Outcome::observed) return true;
    return endpoint && (first || !only_reads(*endpoint));
}

Record::~Record()
{
    job_.meter.text_bytes += spend_.bytes();
    bool first = false;
    if (endpoint && outcome_ != Outcome::refused) {
        auto used = job_.used[static_cast<std::size_t>(endpoint->op)];
        first = !used;
        used = true;
    }
    if (!is_kept(first)) return;
    try {
        db::Request request;
        request.job = job_.facts.key;
        request.at = at_;
        request.first = first;
        const std::size_t body_size = body.is_null() ? 0 : head_.framing == Framing::length ? head_.length : small_body;
        const auto room = Waiting::with(body_size + head_.target.size());
        if (!room) body = nullptr;
        request.whole = whole && room;
        request.endpoint = endpoint ? std::string(endpoint->name) : "unknown";
        request.method = head_.method;
        request.target = room ? head_.target : head_.target.substr(0, std::min(head_.target.find('?'), target_short));
        request.outcome = outcome_;
        request.field = std::move(refusal_.field);
        request.rule = std::move(refusal_.rule);
        request.value = std::move(refusal_.value);
        store_.enqueue(
            [request = std::move(request), row = endpoint, room, given = std::move(body), known = std::move(facts)](db::Ledger& ledger) mutable {
                const rules::Redactor& keep = redactor();
                request.method = keep.method(row, request.method);
                request.target = keep.target(row, request.target);
                if (!given.is_null()) request.body = text_of(keep.body(row, std::move(given)));
                if (!known.is_null()) request.facts = text_of(keep.facts(std::move(known)));
                ledger.add(request);
            });
    } catch (const std::bad_alloc&) {
        // Then this one is not kept.
    }
}

}  // namespace broker
