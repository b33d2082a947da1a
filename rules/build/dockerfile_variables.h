#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "rules/json.h"
#include "rules/result.h"

// The variables of a Dockerfile. For rules/build/dockerfile*.cpp alone.
namespace rules {

/// Keeps the values of the variables before the first FROM, which FROM may use. Of all others it keeps how long they may become: each
/// expansion can double the last one, and it is the engine that makes them.
class Variables {
public:
    /// `build_args`: what --build-arg gave, an object of strings and nulls, or null. Outlives this.
    explicit Variables(const Json& build_args) : build_args_(build_args) {}

    /// An image's own variables are at most `length` bytes long.
    void inherit(std::size_t length) { others_ = std::max(others_, length); }

    /// What the engine makes of one instruction: `verb` in lower case, `text` what follows it. 403 when that could be
    /// more than a build is given.
    Result<void> spend(std::string_view verb, std::string_view text, char escape);

    /// An ARG before the first FROM: the only variables that FROM knows.
    Result<void> declare(std::string_view text);
    /// `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}` in plain text.
    Result<std::string> expand(std::string_view text, std::string_view field) const;

private:
    std::optional<std::string> given(std::string_view name) const;
    std::string value_of(const std::string& name) const;
    std::size_t length_of(std::string_view name) const;
    Result<std::size_t> length_of_expanded(std::string_view text) const;
    void assign(std::string_view verb, std::string_view text, char escape, std::size_t length);
    void assign_one(std::string_view name, std::size_t length);

    const Json& build_args_;
    std::map<std::string, std::string, std::less<>> values_;   ///< before the first FROM, of those with a value
    std::map<std::string, std::size_t, std::less<>> lengths_;  ///< of any stage: the longest that each has become
    std::size_t others_ = 0;                                   ///< the same of those whose names are not plain
    std::size_t spent_ = 0;                                    ///< bytes of all instructions so far, expanded
};

}  // namespace rules
