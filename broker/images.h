#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "broker/engine.h"
#include "broker/lock.h"

namespace broker {

/// What berth knows of the engine's images across jobs: which job holds a tag that it made, and the settings that
/// images bring along.
class Images {
public:
    explicit Images(Engine& engine) : engine_(engine) {}

    /// `reference` is to be written (built, tagged) by `job`. 409 when another job holds it or the engine has it from
    /// elsewhere. The claim lasts until `release`.
    Task<rules::Result<void>> claim(const std::string& reference, const std::string& job);
    void restore(const std::string& reference, const std::string& job);
    void release(const std::string& reference, const std::string& job);
    void release_all(const std::string& job);
    /// A build of `job` rests on `reference` until `unrest`: no other job may write it meanwhile, and a release takes
    /// effect only then.
    void rest(const std::string& reference, const std::string& job) { resting_.emplace(reference, job); }
    void unrest(const std::string& reference, const std::string& job);
    /// The key of the job that made the tag; nullptr when none did.
    const std::string* holder(const std::string& reference) const;

    /// The engine's inspect of an image id or reference; nullopt when it has none.
    Task<std::optional<rules::Json>> inspect(const std::string& reference);
    /// The Config that the image `id` brings into its containers, read once; 404 when the engine no longer has it.
    Task<rules::Result<rules::Json>> config(const std::string& id);

private:
    bool rests(const std::string& reference, const std::string& job) const;

    Engine& engine_;
    Lock claiming_;                                    ///< a claim counts only once the engine has been asked
    std::map<std::string, std::string> holders_;       ///< familiar reference → key of the job
    std::multimap<std::string, std::string> resting_;  ///< familiar reference → keys of the jobs
    std::set<std::string> released_;                   ///< to be released when nothing rests on them any longer
    std::map<std::string, rules::Json> configs_;
};

}  // namespace broker
