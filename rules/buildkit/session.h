#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "rules/result.h"

namespace rules {

/// What a client tells of its session, in the head of the request or of the call with which that begins.
struct AnnouncedSession {
    std::string id;  ///< a plain word
    std::string name, shared_key;
    std::set<std::string> methods;  ///< that the engine may call

    bool operator==(const AnnouncedSession&) const = default;
};

/// `head`: names and values of its fields. 400 for a session without an id, or with two.
Result<AnnouncedSession> announced_session(std::span<const std::pair<std::string_view, std::string_view>> head);

/// True for what may be a ref or the id of a session: it is a name of the engine's with nothing in it at which that would cut.
bool is_plain_word(std::string_view text);

}  // namespace rules
