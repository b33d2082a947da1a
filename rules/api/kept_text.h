#pragma once

#include <string>
#include <string_view>

#include "rules/api/kept.h"
#include "rules/api/keyed_hash.h"

namespace rules {

/// `hidden.<length>.<hash>`: of letters, digits and dots, so that it can stand for a name, a path or a word.
std::string hidden(const HashKey& key, std::string_view text);

/// What may be kept of `text`. The empty text stays.
std::string kept_text(const HashKey& key, Keep keep, std::string_view text);

/// Letters, digits and what separates the parts of names: no text of several words, no URL with a user, and not a long one.
bool is_word(std::string_view text);

}  // namespace rules
