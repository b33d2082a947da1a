#pragma once

#include "broker/engine.h"
#include "broker/images.h"
#include "cleanup/engine.h"

namespace broker {

/// Removes a job's objects from the engine: full ids only, each call with a deadline, never an engine's prune.
class Remover final : public cleanup::Engine {
public:
    Remover(broker::Engine& engine, Images& images, std::string key) : engine_(engine), images_(images), key_(std::move(key)) {}

    Task<rules::Result<std::vector<db::Object>>> found(rules::Kind kind, const std::string& key) override;
    Task<rules::Result<bool>> remove(const db::Object& object) override;

private:
    Task<Answer> ask(EngineRequest request);
    Task<rules::Result<bool>> remove_container(const db::Object& object);
    Task<rules::Result<bool>> remove_network(const db::Object& object);
    Task<rules::Result<bool>> remove_volume(const db::Object& object);
    Task<rules::Result<bool>> remove_image(const db::Object& object);

    broker::Engine& engine_;
    Images& images_;
    std::string key_;
};

}  // namespace broker
