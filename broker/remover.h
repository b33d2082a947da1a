#pragma once

#include <set>

#include "broker/engine.h"
#include "broker/images.h"
#include "cleanup/engine.h"

namespace broker {

/// Removes a job's objects from the engine: full ids only, each call with a deadline, never an engine's prune.
class Remover final : public cleanup::Engine {
public:
    Remover(broker::Engine& engine, std::string key) : engine_(engine), key_(std::move(key)) {}

    Task<rules::Result<std::vector<db::Object>>> found(rules::Kind kind, const std::string& key) override;
    Task<rules::Result<std::vector<db::Object>>> found_of_all(rules::Kind kind) override;
    Task<rules::Result<std::vector<db::Object>>> grown(const std::vector<db::Object>& images) override;
    Task<rules::Result<bool>> remove(const db::Object& object) override;

private:
    Task<Answer> ask(EngineRequest request);
    Task<rules::Result<rules::Json>> list(EngineRequest request);
    /// What an answer to a removal means.
    static rules::Result<bool> done(const Answer& answer);
    /// Asks for `removal`; where flags of files are in its way, they are taken away and it is asked for again.
    Task<rules::Result<bool>> remove_flagged(EngineRequest removal, EngineRequest inspection, rules::Kind kind);

    /// Of a container on a job's network that bears no name of ours: whether the engine's builder made it for a step, of an image by its id.
    /// What else is there was put there by hand, and is not the job's.
    Task<bool> is_step_of_build(const std::string& id);

    Task<rules::Result<bool>> remove_container(const db::Object& object);
    Task<rules::Result<bool>> remove_network(const db::Object& object);
    Task<rules::Result<bool>> remove_volume(const db::Object& object);
    Task<rules::Result<bool>> remove_image(const db::Object& object);

    void note_ancestors(const rules::Json& list, const std::vector<db::Object>& images);

    broker::Engine& engine_;
    std::string key_;
    std::set<std::string> ancestors_;  ///< full ids of images without a name from which the job's grew, which are its too
};

}  // namespace broker
