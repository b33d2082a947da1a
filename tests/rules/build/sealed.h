#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/build/dockerfile.h"

namespace rules {

using Names = std::vector<std::string>;

inline Result<Names> names_of(std::string_view text, const Json& build_args)
{
    return bases_of(text, build_args);
}

/// Every image is there, under the id `NEW-<name>`, without triggers but those in `triggers`.
inline Result<SealedDockerfile> sealed_with(std::string_view text, const std::map<std::string, Names>& triggers = {},
                                     std::string_view target = {})
{
    const auto names = bases_of(text, Json(), target);
    if (!names) return tl::unexpected(names.error());
    BaseImages images;
    for (const std::string& name : *names) {
        const auto own = triggers.find(name);
        images[name] = {"NEW-" + name, own == triggers.end() ? Names() : own->second, 0};
    }
    return sealed(text, Json(), target, images, Profile{});
}

inline std::string repeated(int times, const std::function<std::string(int)>& line)
{
    std::string text;
    for (int i = 0; i < times; ++i) text += line(i) + "\n";
    return text;
}

}  // namespace rules
