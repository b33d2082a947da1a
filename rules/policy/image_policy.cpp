#include "rules/policy/image_policy.h"

#include <algorithm>

#include "rules/glob.h"
#include "rules/text.h"

namespace rules {
namespace {

/// `ghcr.io` stands for `ghcr.io/**`.
bool allows(const std::string& pattern, const std::string& repository)
{
    const bool whole_registry = pattern.find('/') == pattern.npos && pattern != "**";
    return matches(whole_registry ? pattern + "/**" : pattern, repository);
}

std::string listed(const Profile& profile)
{
    return profile.registries.empty() ? "the profile allows no registry" : "take an image of " + joined(profile.registries);
}

}  // namespace

Result<Reference> pulled_reference(const Query& query)
{
    std::string text(query.get("fromImage"));
    const std::string_view tag = query.get("tag");
    if (!tag.empty()) text += (tag.find(':') == tag.npos ? ":" : "@") + std::string(tag);
    Result<Reference> reference = parse_reference(text);
    if (!reference) return reference;
    if (reference->tag.empty() && reference->digest.empty()) reference->tag = "latest";
    if (!reference->digest.empty()) reference->tag.clear();
    return reference;
}

Result<void> check_import(const Query& query)
{
    const std::string source(query.get("fromSrc"));
    if (source == "-") return {};
    return denied("remote-context", "fromSrc", source,
                  "the engine fetches nothing for a job: download the archive and send it, `docker import -`");
}

Result<void> check_pull(const Reference& reference, const Profile& profile)
{
    const std::string field = "fromImage";
    const std::string asked = reference.familiar_tagged();
    if (!profile.image_pull)
        return denied("images.pull", field, asked,
                      "build on images that the job has, or ask the operator for a profile with images.pull");
    const std::string repository = reference.domain + "/" + reference.path;
    if (std::ranges::none_of(profile.registries, [&](const std::string& each) { return allows(each, repository); }))
        return denied("images.registries", field, repository, listed(profile));
    if (profile.image_tags == "digest" && reference.digest.empty())
        return denied("images.tags", field, asked,
                      "name the image by its digest, as " + reference.repository() + "@sha256:...");
    if (profile.image_tags == "no-latest" && reference.digest.empty() &&
        (reference.tag.empty() || reference.tag == "latest"))
        return denied("images.tags", field, asked, "name a tag other than latest, or a digest");
    return {};
}

Result<void> check_registry(const std::string& domain, const Profile& profile, const std::string& field)
{
    const auto names_it = [&](const std::string& each) { return matches(each.substr(0, each.find('/')), domain); };
    if (std::ranges::any_of(profile.registries, names_it)) return {};
    return denied("images.registries", field, domain, listed(profile));
}

}  // namespace rules
