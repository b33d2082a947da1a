#include <algorithm>

#include "rules/bodies/parts.h"
#include "rules/glob.h"

// As whom and with what surroundings a process runs: users, variables, namespaces that are shared.
namespace rules {

bool shares_namespace(const Profile& profile, std::string_view kind)
{
    return std::ranges::find(profile.namespaces_shared, kind) != profile.namespaces_shared.end();
}

Result<void> judge_env(const Json& body, const Profile& profile)
{
    for (const Json& entry : section(body, "Env")) {
        const Result<std::string_view> name = variable_name(entry.get_ref<const std::string&>());
        if (!name) return tl::unexpected(name.error());
        if (matches_any(profile.env_refused, *name)) return denied("env.refused", "Env", std::string(*name), "leave the variable out");
    }
    return {};
}

Result<void> judge_user(const std::string& user, const std::string& field, const Profile& profile)
{
    if (!profile.non_root) return {};
    const std::string_view uid = cut(user, ':').before;
    // A name is looked up in the image's /etc/passwd, where it may be root's.
    const bool number =
        !uid.empty() && uid.size() <= 9 && uid.front() != '0' && uid.find_first_not_of("0123456789") == uid.npos;
    if (number) return {};
    return denied("user.non_root", field, user, "run as a user other than root, given by its number: --user 1000");
}

}  // namespace rules
