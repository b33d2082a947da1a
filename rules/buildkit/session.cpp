#include "rules/buildkit/session.h"

#include <algorithm>
#include <cctype>

#include "rules/buildkit/methods.h"

namespace rules {
namespace {

constexpr std::size_t word_max = 128;
constexpr std::string_view header_prefix = "x-docker-expose-session-";

bool equal_fold(std::string_view text, std::string_view lower)
{
    const auto folded = [](char each) { return each >= 'A' && each <= 'Z' ? static_cast<char>(each + ('a' - 'A')) : each; };
    return std::ranges::equal(text, lower, {}, folded);
}

}  // namespace

bool is_plain_word(std::string_view text)
{
    const auto is_plain = [](unsigned char each) { return std::isalnum(each) || each == '-' || each == '_' || each == '.'; };
    return !text.empty() && text.size() <= word_max && std::ranges::all_of(text, is_plain);
}

Result<AnnouncedSession> announced_session(std::span<const std::pair<std::string_view, std::string_view>> head)
{
    AnnouncedSession session;
    for (const auto& [name, value] : head) {
        if (!equal_fold(name.substr(0, header_prefix.size()), header_prefix)) continue;
        const std::string_view what = name.substr(header_prefix.size());
        if (equal_fold(what, "uuid")) {
            if (!session.id.empty()) return bad_request("the session has more than one id");
            session.id = value;
        } else if (equal_fold(what, "name")) {
            session.name = value;
        } else if (equal_fold(what, "sharedkey")) {
            session.shared_key = value;
        } else if (equal_fold(what, "grpc-method") && is_session_method(value)) {
            session.methods.emplace(value);
        }
    }
    if (!is_plain_word(session.id)) return bad_request("berth: the session's id is not a plain word");
    session.methods.insert("/grpc.health.v1.Health/Check");  // the engine ends a session that does not answer to it
    return session;
}

}  // namespace rules
