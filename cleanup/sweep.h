#pragma once

#include <functional>
#include <memory>
#include <set>

#include "cleanup/reap.h"

// What is on the engine under the name of a job that is not open: of one that is over, or of one that no ledger knows.
namespace cleanup {

/// One object of a job that is not open.
struct Stray {
    db::Object object;  ///< `job` is its key
    std::string job;    ///< the job's id; empty when the ledger does not know it
    bool known = false; ///< the ledger has the job, as closed
};

/// All strays on the engine. `open`: keys of the jobs whose objects are not strays.
Task<rules::Result<std::vector<Stray>>> find_strays(Engine& engine, db::Store& store, const std::set<std::string>& open);

/// An Engine for the objects of the job `key`.
using EngineFor = std::function<std::unique_ptr<Engine>(const std::string& key)>;

/// So many jobs are reaped side by side. Most of a reap is waiting.
inline constexpr std::size_t jobs_at_once = 16;

/// Removes the strays of known jobs; those of unknown ones when `unknown_too`, since another daemon may have their ledger.
/// What could not be removed.
Task<std::vector<Left>> remove_strays(const std::vector<Stray>& strays, bool unknown_too, const EngineFor& engine_for, db::Store& store,
                                      ReapSchedule schedule = {});

}  // namespace cleanup
