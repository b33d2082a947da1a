#include "broker/daemon/status.h"

#include "broker/engine/image_cache.h"
#include "broker/host/disk_space.h"
#include "broker/io/log.h"
#include "broker/io/offload.h"
#include "broker/network/firewall.h"

namespace broker {

using rules::Json;

Task<Json> status(Jobs& jobs, Services services, DaemonFacts daemon)
{
    const auto reap = co_await services.store.read<std::optional<db::Reap>>([](db::Ledger& ledger) { return ledger.last_reap(); });
    std::uint64_t containers = 0, refusals = 0, observed = 0, requests = 0;
    for (const Job* job : jobs.all()) {
        containers += job->objects.count(rules::Kind::container);
        refusals += job->meter.refusals;
        observed += job->meter.observed;
        requests += job->meter.requests;
    }
    Json disks = Json::object();
    const std::string engine_data = services.engine.root_directory();
    const auto look = [&] {
        disks["ledger"] = json_of(space_at(daemon.config->state_dir, false));
        if (!engine_data.empty()) disks["engine"] = json_of(space_at(engine_data, false));
    };
    co_await offload(look);
    const log::Counts logged = log::counts();
    Json json = {{"version", daemon.version},
                 {"uptime", std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - daemon.started).count()},
                 {"engine",
                  {{"address", "unix://" + services.engine.address()},
                   {"version", services.engine.server_version()},
                   {"api", rules::to_string(services.engine.versions().newest)}}},
                 {"state_dir", daemon.config->state_dir.string()},
                 {"runtime_dir", daemon.config->runtime_dir.string()},
                 {"network_pool", daemon.config->network_pool},
                 {"network_size", daemon.config->network_size},
                 {"jobs", jobs.all().size()},
                 {"containers", containers},
                 {"requests", requests},
                 {"refusals", refusals},
                 {"observed", observed},
                 {"isolation", json_of(services.firewall)},
                 {"cache", services.cache.size()},
                 {"disks", std::move(disks)},
                 {"logged", {{"errors", logged.errors}, {"warnings", logged.warnings}}},
                 {"ledger", services.store.trouble()},
                 {"ledger_lost", services.store.lost()}};
    if (reap) json["last_reap"] = {{"finished", reap->finished}, {"removed", reap->removed}, {"left", reap->left}};
    co_return json;
}

}  // namespace broker
