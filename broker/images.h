#pragma once

#include <map>
#include <optional>
#include <string>

#include "broker/engine.h"
#include "broker/lock.h"

namespace broker {

/// What berth knows of the engine's images across jobs: which job holds a tag that it made, and the settings that images bring along.
class Images {
public:
    explicit Images(Engine& engine) : engine_(engine) {}

    /// `reference` is to be written (built, tagged) by `job`. 409 when another job holds it or the engine has it from elsewhere.
    /// The claim lasts until `release`.
    Task<rules::Result<void>> claim(const std::string& reference, const std::string& job);
    void restore(const std::string& reference, const std::string& job) { holders_[reference] = job; }
    void release(const std::string& reference, const std::string& job);
    /// The key of the job that made the tag; nullptr when none did.
    const std::string* holder(const std::string& reference) const;

    /// The engine's inspect of an image id or reference; nullopt when it has none.
    Task<std::optional<rules::Json>> inspect(const std::string& reference);
    /// The Config that the image `id` brings into its containers; read once.
    Task<rules::Json> config(const std::string& id);

private:
    Engine& engine_;
    std::map<std::string, std::string> holders_;  ///< familiar reference → key of the job
    std::map<std::string, rules::Json> configs_;
};

}  // namespace broker
