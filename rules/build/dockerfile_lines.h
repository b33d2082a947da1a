#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/result.h"
#include "rules/text.h"

// A Dockerfile as lines and words, as moby's parser has them (buildkit/frontend/dockerfile/parser). For
// rules/build/dockerfile*.cpp alone.
namespace rules {

/// Refused, since it could be read in more than one way.
tl::unexpected<Error> odd(std::string_view field, std::string_view value, std::string_view way_out);

inline constexpr std::size_t instructions_max = 1'000;  ///< of a build: each makes an image, with the history of all before it
tl::unexpected<Error> too_many_instructions(std::string_view instruction);

struct Line {
    std::string text;
    std::size_t begin = 0, end = 0;  ///< in the whole text, without the end of its last line
};

/// The escape character that the head of the file chooses.
Result<char> escape_of(std::string_view text);

/// The logical lines: comments and empty lines left out, continued lines joined.
Result<std::vector<Line>> lines_of(std::string_view text);

std::string_view trim_left(std::string_view text);
std::string_view trim_right(std::string_view text);
/// The next word of `text`, taken off it; empty at its end.
std::string_view take_word(std::string_view& text);
/// Printable, without quotes, escapes and `<`.
bool is_plain(std::string_view text);
bool is_space(char c);

}  // namespace rules
