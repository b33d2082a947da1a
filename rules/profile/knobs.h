#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "rules/json.h"
#include "rules/profile.h"
#include "rules/result.h"

namespace rules {

/// What happens where a request and a knob disagree.
enum class Act : std::uint8_t {
    refuse,  ///< 403 with the knob's path as the rule
    cap,     ///< the value is lowered to what is allowed
    force,   ///< the value is written, whatever was asked
    drop,    ///< left out, or not let through
    choose,  ///< nothing of a request: how berth behaves
};

/// How a number is written in a rules file.
enum class Unit : std::uint8_t { none, bytes, seconds, nanoseconds, cpus };

/// A value of a rules file.
using Value =
    std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>, std::map<std::string, std::string>>;

using Member = std::variant<bool Profile::*, std::int64_t Profile::*, std::string Profile::*,
                            std::vector<std::string> Profile::*, std::map<std::string, std::string> Profile::*>;

/// One thing that a profile decides.
struct Knob {
    std::string_view path;  ///< in TOML, below `profile.<name>`; the rule's name in a refusal
    Member member;
    Act act;
    std::string_view what;  ///< one sentence for the reference
    Unit unit = Unit::none;
    std::int64_t least = 0;
    std::int64_t most = std::numeric_limits<std::int64_t>::max();
    std::span<const std::string_view> choices =
        {};  ///< all that a text, or each text of a list, may be; empty: anything that `valid` takes
    /// The value in observe mode: the most permissive one that is safe; for a list, words that are added. nullopt: it stays.
    std::optional<std::string_view> open = std::nullopt;
    /// Why a text is no value; empty when it is one.
    std::string (*valid)(std::string_view text) = nullptr;
};

/// All of them, in the order of the reference.
std::span<const Knob> knobs();
const Knob* find_knob(std::string_view path);
/// True when `rule` of a refusal is a knob, so that another profile could allow it; false: it protects the host, or
/// other jobs.
bool is_profile_key(std::string_view rule);

/// Gives `profile` the value. An error's message says what the value must be, and nothing of where it stands.
Result<void> set(Profile& profile, const Knob& knob, const Value& value);
/// The value as it is written in a rules file: `"2GiB"`, `["a", "b"]`.
std::string text_of(const Profile& profile, const Knob& knob);

/// `profile` as a table of a rules file, with a comment for each knob: those that differ from `base`, or all.
/// `notes`: further comments of a knob, whole lines.
std::string profile_text(const Profile& profile, const Profile* base,
                         const std::function<std::string(std::string_view knob)>& notes = {});

/// The same values for machines: {"name","lineage","values":{"<path>": value}}, each value as a rules file has it.
Json json_of(const Profile& profile);

/// The profile under which a job that only observes is served: what merely the operator's rules refuse is let through.
Profile permissive(Profile profile);

/// The candidate that is nearest to `text` by edits; empty when none is near.
std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates);

/// What a value of `knob` is, in words.
std::string kind_of(const Knob& knob);
/// `refuse`, `cap`, ...
std::string_view name_of(Act act);

/// `berth rules reference`: markdown.
std::string rules_reference();

}  // namespace rules
