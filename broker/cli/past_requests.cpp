#include "broker/cli/past_requests.h"

#include "broker/cli/admin_client.h"
#include "broker/daemon/audit.h"

namespace broker {

using rules::Json;

std::vector<Json> past_requests(const std::string& admin, const std::filesystem::path& state_dir, db::RequestFilter filter)
{
    std::vector<Json> all;
    try {
        for (;;) {
            const Json portion = ask_daemon(admin, "GET", target_of(filter));
            for (const Json& each : portion) all.push_back(each);
            if (portion.size() < filter.most) return all;
            filter.after = portion.back().value("row", std::int64_t{0});
        }
    } catch (const NoDaemon&) {
        const std::filesystem::path file = state_dir / "berth.db";
        if (!all.empty() || !std::filesystem::exists(file)) throw;
        filter.most = static_cast<std::size_t>(db::requests_kept_of_all) * 2;
        const db::Ledger ledger(file);
        for (const db::Request& each : ledger.requests(filter)) all.push_back(json_of(each));
        return all;
    }
}

std::optional<rules::AskedRequest> asked_of(const Json& request)
{
    if (!request.value("whole", false)) return std::nullopt;
    rules::AskedRequest asked{request.value("method", ""), request.value("target", "")};
    if (const auto body = request.find("body"); body != request.end()) asked.body = *body;
    if (const auto facts = request.find("facts"); facts != request.end() && facts->is_object()) asked.facts = *facts;
    return asked;
}

}  // namespace broker
