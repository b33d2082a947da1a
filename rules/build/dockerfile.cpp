#include "rules/build/dockerfile.h"

#include <algorithm>
#include <set>

#include "rules/build/dockerfile_scanner.h"

namespace rules {
namespace {

Result<void> check_build_args(const Json& build_args)
{
    if (!build_args.is_null() && !build_args.is_object()) return bad_request("buildargs must be a JSON object");
    for (const auto& [key, value] : build_args.items())
        if (!value.is_string() && !value.is_null())
            return bad_request("the build argument " + key + " must be a string");
    return {};
}

}  // namespace

std::size_t longest_variable(const Json& config)
{
    std::size_t longest = 0;
    if (const auto variables = config.find("Env"); variables != config.end() && variables->is_array())
        for (const Json& each : *variables)
            if (each.is_string()) longest = std::max(longest, each.get_ref<const std::string&>().size());
    return longest;
}

BaseImage base_image(std::string id, const Json& config)
{
    BaseImage image{std::move(id), {}, longest_variable(config)};
    // What is no text is an empty one, which is no instruction.
    if (const auto triggers = config.find("OnBuild"); triggers != config.end() && triggers->is_array())
        for (const Json& each : *triggers)
            image.triggers.push_back(each.is_string() ? each.get<std::string>() : std::string());
    return image;
}

Result<std::vector<std::string>> bases_of(std::string_view text, const Json& build_args, std::string_view target)
{
    if (const auto given = check_build_args(build_args); !given) return tl::unexpected(given.error());
    Scanner scanner(build_args, target);
    if (const auto read = scanner.read(text); !read) return tl::unexpected(read.error());
    std::vector<std::string> names;
    std::set<std::string> seen;
    for (const ImageMention& each : scanner.mentions())
        if (!each.is_stage && seen.insert(each.name).second) names.push_back(each.name);
    if (names.size() > bases_max)
        return odd("Dockerfile", names[bases_max], "a build rests on at most " + std::to_string(bases_max) + " images");
    return names;
}

Result<SealedDockerfile> sealed(std::string_view text, const Json& build_args, std::string_view target,
                                const BaseImages& images, const Profile& profile)
{
    Scanner scanner(build_args, target, &images, &profile);
    if (const auto read = scanner.read(text); !read) return tl::unexpected(read.error());
    text = text.substr(0, scanner.end());
    SealedDockerfile out;
    std::size_t done = 0;
    for (const ImageMention& each : scanner.mentions()) {
        const auto image = images.find(each.name);
        if (!each.is_stage && image == images.end()) return odd("COPY --from", each.name, "the image was not found");
        const std::string sent = each.before + (each.is_stage ? each.name : image->second.id) + each.after;
        out.text.append(text.substr(done, each.begin - done)).append(sent);
        out.shown.push_back({std::string(trim_right(trim_left(sent))), std::string(trim_right(trim_left(each.before + each.written + each.after)))});
        done = each.end;
    }
    out.text.append(text.substr(done));
    return out;
}

Result<void> check_changes(const std::vector<std::string>& changes, std::size_t longest_variable)
{
    std::string text;
    for (const std::string& each : changes) text += (text.empty() ? "" : "\n") + each;
    const Json no_arguments;
    return Scanner(no_arguments, {}).read_changes(text, longest_variable);
}

}  // namespace rules
