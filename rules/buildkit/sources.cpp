#include "rules/buildkit/sources.h"

#include "rules/names/names.h"

namespace rules {
namespace {

constexpr std::string_view image_scheme = "docker-image://";

using buildkit::SourceRule;
using buildkit::SourceSelector;

void add_rule(buildkit::SourcePolicy& policy, SourceRule::Action action, SourceSelector::Match match, std::string identifier)
{
    SourceRule& rule = *policy.add_rules();
    rule.set_action(action);
    rule.mutable_selector()->set_identifier(std::move(identifier));
    rule.mutable_selector()->set_match_type(match);
}

}  // namespace

std::string image_source(const Reference& reference)
{
    const bool is_bare = reference.tag.empty() && reference.digest.empty();
    return std::string(image_scheme) + reference.full() + (is_bare ? ":latest" : "");
}

buildkit::SourcePolicy source_policy(std::string_view key, const BuildSources& sources)
{
    buildkit::SourcePolicy policy;
    policy.set_version(1);
    // The last rule that fits says whether; a rule that converts begins anew with what it gave.
    add_rule(policy, SourceRule::DENY, SourceSelector::WILDCARD, "*");
    add_rule(policy, SourceRule::ALLOW, SourceSelector::WILDCARD, "local://*");
    add_rule(policy, SourceRule::ALLOW, SourceSelector::WILDCARD, std::string(image_scheme) + std::string(real_prefix) + std::string(key) + "/*");
    for (const auto& [identifier, real] : sources) {
        add_rule(policy, SourceRule::CONVERT, SourceSelector::WILDCARD, identifier);  // EXACT would keep the name; no reference has a `*`
        policy.mutable_rules()->rbegin()->mutable_updates()->set_identifier(real);
    }
    return policy;
}

std::optional<std::string> refused_source(std::string_view error)
{
    constexpr std::string_view before = "source \"", after = "\" denied by policy";
    const std::size_t end = error.rfind(after);
    if (end == error.npos || end < before.size()) return std::nullopt;
    const std::size_t begin = error.rfind(before, end - before.size());  // both have a quotation mark
    if (begin == error.npos) return std::nullopt;
    return std::string(error.substr(begin + before.size(), end - begin - before.size()));
}

std::optional<Reference> image_of_source(std::string_view identifier)
{
    if (!identifier.starts_with(image_scheme)) return std::nullopt;
    const Result<Reference> reference = parse_reference(identifier.substr(image_scheme.size()));
    if (!reference) return std::nullopt;
    return *reference;
}

}  // namespace rules
