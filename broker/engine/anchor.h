#pragma once

#include <string>

#include "broker/engine/engine.h"
#include "db/ledger.h"

namespace broker {

/// Connects a job's own container to its default network, and makes `docker` there mean the network's gateway, where
/// the job's published ports are. The container is not the job's: nothing else of it changes. What fails is logged.
Task<> join_anchor(Engine& engine, std::string anchor, std::string network, std::string gateway);

/// When the CI system that started the anchor gives its job up, as its labels tell it; 0: they do not. `now`: when the job is opened.
Task<db::Seconds> deadline_of_anchor(Engine& engine, std::string anchor, db::Seconds now);

/// Undoes it. The network's own removal disconnects the container too.
Task<> part_anchor(Engine& engine, std::string anchor, std::string network);

}  // namespace broker
