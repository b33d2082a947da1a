#pragma once

#include <map>
#include <set>

#include "broker/engine/engine.h"
#include "broker/engine/images.h"
#include "cleanup/engine.h"

namespace broker {

inline constexpr int unreadable = 413;  ///< in place of the status of an answer that cannot be read; no engine answers with it

/// Removes a job's objects from the engine: full ids only, each call with a deadline, never an engine's prune.
class EngineCleanup final : public cleanup::Engine {
public:
    EngineCleanup(broker::Engine& engine, std::string key) : engine_(engine), key_(std::move(key)) {}

    Task<rules::Result<std::vector<db::Object>>> found(rules::Kind kind, const std::string& key) override;
    Task<rules::Result<std::vector<db::Object>>> found_of_all(rules::Kind kind) override;
    Task<rules::Result<std::vector<db::Object>>> descendants(const std::vector<db::Object>& images) override;
    Task<rules::Result<bool>> remove(const db::Object& object) override;

private:
    /// `elements`: of an answer that is a list.
    Task<Answer> ask(EngineRequest request, Elements* elements = nullptr);
    /// What an answer to a removal means.
    static rules::Result<bool> done(const Answer& answer);
    /// Asks for `removal`; where flags of files are in its way, they are taken away and it is asked for again.
    Task<rules::Result<bool>> remove_flagged(EngineRequest removal, EngineRequest inspection, rules::Kind kind);

    /// A container on a job's network that bears no name of ours.
    struct MaybeStep {
        db::Object container;
        std::string image;  ///< as the list calls it
    };
    /// Whether the engine's builder made it for a step, of an image by its id. What else is there was put there by hand, and is not the job's.
    Task<rules::Result<bool>> is_step_of_build(const MaybeStep& step);
    /// Everything of `kind`: of the job `key`, or of every job.
    Task<rules::Result<std::vector<db::Object>>> listed(rules::Kind kind, std::optional<std::string> key);

    /// What of a line of the list of images tells whose it is.
    struct Line {
        std::string id, parent;
        bool is_nameless;
        db::Seconds created;
        bool is_nameless_since(db::Seconds since) const { return is_nameless && created >= since; }
    };
    using Lines = std::map<std::string, Line, std::less<>>;  ///< by id without algorithm

    Task<rules::Result<bool>> remove_container(const db::Object& object);
    Task<rules::Result<bool>> remove_network(const db::Object& object);
    Task<rules::Result<bool>> remove_volume(const db::Object& object);
    Task<rules::Result<bool>> remove_image(const db::Object& object);
    Task<rules::Result<bool>> remove_step(std::string id);
    Task<rules::Result<bool>> remove_listed_step(db::Object step);

    /// What a line of the list of `kind` tells of objects of ours; of a container that bears no name of ours, that it has to be looked at.
    void note_found(rules::Kind kind, const rules::Json& line, std::vector<db::Object>& objects, std::vector<MaybeStep>& maybe_steps) const;
    void note_ancestors(const Lines& list, const std::vector<db::Object>& images);
    std::set<std::string> steps(const Lines& list, const std::vector<db::Object>& images) const;

    broker::Engine& engine_;
    std::string key_;
    std::set<std::string> ancestors_;  ///< full ids of images without a name from which the job's grew, which are its too
};

}  // namespace broker
