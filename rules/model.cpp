#include "rules/model.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rules {
namespace {

constexpr std::array<std::pair<Kind, std::string_view>, 6> kinds = {{
    {Kind::none, "none"},
    {Kind::container, "container"},
    {Kind::exec, "exec"},
    {Kind::network, "network"},
    {Kind::volume, "volume"},
    {Kind::image, "image"},
}};

}  // namespace

std::string_view kind_name(Kind kind)
{
    return std::ranges::find(kinds, kind, &std::pair<Kind, std::string_view>::first)->second;
}

Kind kind_of(std::string_view name)
{
    const auto found = std::ranges::find(kinds, name, &std::pair<Kind, std::string_view>::second);
    return found == kinds.end() ? Kind::none : found->first;
}

std::string_view outcome_name(Outcome outcome)
{
    constexpr std::string_view names[] = {"allowed", "observed", "refused", "failed"};
    return names[static_cast<std::size_t>(outcome)];
}

std::string to_string(Version version)
{
    return std::to_string(version.major) + "." + std::to_string(version.minor);
}

}  // namespace rules
