#pragma once

#include <map>

#include "cleanup/engine.h"

namespace cleanup {

struct Left {
    db::Object object;
    std::string error;
};

struct Report {
    std::map<rules::Kind, std::int64_t> removed;
    std::int64_t kept = 0;  ///< references to pulled images: the images stay in the host's cache
    std::vector<Left> left;
    bool proven = false;  ///< two listings in a row had nothing of the job

    bool clean() const { return proven && left.empty(); }
    std::int64_t removed_in_all() const;
};

/// The order in which objects go, so that none is in the way of another: execs fall with their containers, then networks, volumes, images;
/// of images first those with a name, then the others newest first (children before parents).
std::vector<db::Object> removal_order(std::vector<db::Object> objects);

struct ReapSchedule {
    std::chrono::milliseconds between_listings{200};  ///< grows while something is left
    std::chrono::milliseconds longest_wait{2000};
    int listings = 18;        ///< half a minute in all: an engine may be at a create for a while that nobody waits for
    std::size_t at_once = 4;  ///< the engine stalls when many volumes go at the same time
};

/// Removes all that the job `key` made, and proves by listing that it is gone: until two listings in a row are empty. What could not be
/// removed is in `left` and stays in the ledger for the next attempt; one stubborn object does not stop the others.
Task<Report> reap(std::string key, std::vector<db::Object> objects, Engine& engine, db::Store& store, ReapSchedule schedule = {});

}  // namespace cleanup
