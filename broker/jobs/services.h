#pragma once

#include <set>
#include <string>

#include "broker/io/io.h"
#include "db/store.h"

namespace broker {

class Engine;
class EngineEvents;
class Firewall;
class ImageCache;
class ImageCatalogue;
class SubnetLeases;
class Resolver;
class Supervisor;

/// What the jobs and every exchange share.
struct Services {
    asio::io_context& io;
    Engine& engine;
    EngineEvents& events;
    db::Store& store;
    ImageCatalogue& images;
    ImageCache& cache;
    SubnetLeases& leases;
    Firewall& firewall;
    Resolver& resolver;
    Supervisor& supervisor;
    std::set<std::string>& steps;  ///< full ids of containers that builds have noted as theirs
};

}  // namespace broker
