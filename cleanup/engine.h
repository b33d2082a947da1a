#pragma once

#include <string>
#include <vector>

#include "db/store.h"
#include "rules/result.h"

namespace cleanup {

using db::Task;

/// What cleanup needs of the engine and no more: the broker implements it, tests fake it.
class Engine {
public:
    virtual ~Engine() = default;

    /// Everything of `kind` (container, network, volume, image) on the engine that bears a real name of the job `key`: its id and real name.
    virtual Task<rules::Result<std::vector<db::Object>>> found(rules::Kind kind, const std::string& key) = 0;

    /// The same of every job, open or not; each with its job's key.
    virtual Task<rules::Result<std::vector<db::Object>>> found_of_all(rules::Kind kind) = 0;

    /// Images without a name that are, or grew from, one of `images`, and younger than its row; children first: steps of builds that were
    /// cut off, and what the engine was killed removing.
    /// What an image of somebody else grew from in turn is not among them.
    virtual Task<rules::Result<std::vector<db::Object>>> descendants(const std::vector<db::Object>& images) = 0;

    /// Removes `object` from the engine, and whatever of the job hangs on it. False when there was nothing to remove, which is success.
    virtual Task<rules::Result<bool>> remove(const db::Object& object) = 0;
};

}  // namespace cleanup
