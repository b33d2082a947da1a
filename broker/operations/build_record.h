#pragma once

#include <list>
#include <map>
#include <set>

#include "broker/operations/operations.h"
#include "rules/build/build_output.h"

namespace broker {

class ImageCatalogue;

/// What one build makes, from the intent to the ledger: its result, and the images of its steps.
class BuildRecord {
public:
    /// `output`: what the builder has told so far; outlives this.
    BuildRecord(Call& call, const rules::BuildOutput& output);
    BuildRecord(const BuildRecord&) = delete;
    BuildRecord& operator=(const BuildRecord&) = delete;
    ~BuildRecord();

    /// `names`: what the job asks the result to be called, familiar; may be none.
    void claim(std::vector<std::string> names);
    /// The rows of the result. A result without a tag is held by a reference of ours from its first moment.
    Task<> intend();
    /// What the engine is to call it.
    std::vector<std::string> reals() const;
    /// The last moment before the engine is asked. `bases`: ids of the images that the build rests on. They are recorded first:
    /// should the daemon end before the builder has printed an id, only the base leads to what was made.
    Task<> begin(std::set<std::string> bases);
    std::int64_t began() const { return began_; }

    /// Records the ids of the steps as they are told: after a crash the reap finds them by these.
    Task<> note_steps();
    /// Records the container of a step, by its full id, that is on no network of the job: nothing else tells after a crash whose it was. Not
    /// if it is another build's, which was told of it first.
    Task<> note_container(std::string id);
    /// The one that was noted last is removed, if it is there still. Throws EngineFailure.
    Task<> end_container();
    /// However it ended, what is on the engine now is the job's, but for an image that no job may have: that is taken away again, and why is
    /// answered. `settled`: the engine is not at it any more.
    Task<rules::Result<void>> end(bool settled);

private:
    /// What the result is to be called: by the job (nothing: it asked for no tag), and by the engine.
    struct Tag {
        std::string name, real;
    };

    /// What the engine has of the steps that were told.
    struct Steps {
        std::set<std::string> parents, made;   ///< full ids; `made`: those that are the job's
        std::set<std::size_t> unread;          ///< by place in output_.made(): too large to be read
        rules::Result<void> bounded;           ///< why not, of one that no job may have
    };

    Task<std::int64_t> note(std::string image);
    Task<Steps> read_steps();
    /// `bounded`: why the result cannot stay, if it cannot.
    Task<rules::Result<void>> record_result(const Tag& tag, bool settled, rules::Result<void> bounded);
    Task<> record_steps(Steps steps);
    Task<> try_to_end_container();
    const db::Object* row_of(const Tag& tag) const;
    Task<std::map<std::string, std::string>> parents();
    Task<> hold_orphans();

    Call& call_;
    ImageCatalogue& images_;
    const rules::BuildOutput& output_;
    std::vector<Tag> tags_;
    std::list<Pending> pending_;  ///< of the result and of steps
    std::vector<std::int64_t> steps_;       ///< rows of the bases, and of output_.made()
    std::size_t bases_ = 0;                 ///< how many of them are of bases
    std::optional<db::Object> container_;   ///< that was noted last
    std::set<std::string> parents_before_;  ///< of the job's images, when the build began
    std::int64_t began_ = 0;
};

}  // namespace broker
