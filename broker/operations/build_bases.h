#pragma once

#include <set>
#include <string>
#include <vector>

#include "broker/operations/operations.h"
#include "rules/build/dockerfile.h"

namespace broker {

/// The images that one build rests on. What each name is, is found out once; from then on there are only ids, which are
/// held by references of the build's own until it has ended, whatever the job does to its names meanwhile.
class BuildBases {
public:
    explicit BuildBases(Call& call) : call_(call) {}

    /// Every image of `names` is the job's, or is pulled for it; the lines of pulls go to `sink`. False when a pull failed.
    Task<bool> admit(const std::vector<std::string>& names, const LineSink& sink);
    const rules::BaseImages& images() const { return images_; }
    std::set<std::string> ids() const;
    bool has(const std::string& id) const;

    /// 404 when the job has removed one since.
    Task<> hold();
    /// Also of what an unfinished `hold` had taken.
    Task<> release();

private:
    struct Hold {
        std::int64_t row;
        std::string real;
    };

    Task<std::optional<rules::Named>> admit_one(const std::string& name, const LineSink& sink);

    Call& call_;
    rules::BaseImages images_;
    std::vector<Hold> holds_;
};

}  // namespace broker
