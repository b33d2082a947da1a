#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/profile.h"
#include "rules/result.h"

namespace rules {

/// A rules file: what it is called in messages, and what is in it.
struct RulesText {
    std::string name;
    std::string text;
};

/// Which profile a job gets whose labels all match.
struct Selection {
    std::map<std::string, std::string> labels;  ///< patterns (rules/glob.h), by label
    std::string profile;
};

/// Who gave a knob its value.
struct Origin {
    std::string profile;
    std::string place;  ///< `rules.toml:3:9`
    bool operator==(const Origin&) const = default;
};

/// All profiles that a daemon has, and which job gets which.
struct Rulebook {
    std::map<std::string, Profile> profiles;  ///< by name; the ready ones are always there
    std::vector<Selection> selections;        ///< the first that matches counts
    std::map<std::string, std::map<std::string, Origin, std::less<>>> origins;  ///< by profile and knob, see `origin`

    const Profile* find(std::string_view name) const;
    /// Which profile, the one of that name or one that it extends, set `knob`; nullptr: none did, it has berth's own value.
    const Origin* origin(const std::string& profile, std::string_view knob) const;
    /// The profile of a job that names none.
    const std::string& selected(const std::map<std::string, std::string>& labels) const;
};

/// The rules of `files` together with berth's own profiles. 400 with a line for each mistake: file, line, column, key
/// and, where one is near, the known key.
Result<Rulebook> read_rules(const std::vector<RulesText>& files);

/// berth's own profiles: default, strict, build-only, testcontainers, trusted, dind (rules/profile/ready_profiles.cpp).
const RulesText& ready_profiles();

}  // namespace rules
