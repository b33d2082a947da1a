#pragma once

#include "broker/cli/diagnosis.h"
#include "rules/model.h"

// What the checks of diagnosis.cpp and of diagnosis_engine.cpp have in common.
namespace broker::checks {

inline Finding ok(std::string check, std::string text)
{
    return {std::move(check), Health::ok, std::move(text), {}};
}

inline Finding warn(std::string check, std::string text, std::string fix)
{
    return {std::move(check), Health::warn, std::move(text), std::move(fix)};
}

inline Finding fail(std::string check, std::string text, std::string fix)
{
    return {std::move(check), Health::fail, std::move(text), std::move(fix)};
}

/// The member `key`, or "".
std::string text_of(const rules::Json& object, const char* key);
/// `1.47`; 0.0 for anything else.
rules::Version version_of(const std::string& text);

// Of the engine.
Finding engine(const HostFacts& facts);
Finding api(const HostFacts& facts);
Finding cgroups(const HostFacts& facts);
Finding storage(const HostFacts& facts);
Finding confinement(const HostFacts& facts);
Finding users(const HostFacts& facts);
Finding restarts(const HostFacts& facts);

}  // namespace broker::checks
