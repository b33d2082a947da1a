#include <algorithm>

#include "rules/bodies_parts.h"
#include "rules/glob.h"

// As whom and with what surroundings a process runs: users, variables, namespaces that are shared.
namespace rules {

bool shares_namespace(const Profile& profile, std::string_view kind)
{
    return std::ranges::find(profile.namespaces_shared, kind) != profile.namespaces_shared.end();
}

bool is_no_new_privileges(std::string_view option)
{
    return option == "no-new-privileges" || option == "no-new-privileges:true" || option == "no-new-privileges=true";
}

Result<void> judge_env(const Json& body, const Profile& profile)
{
    for (const Json& entry : section(body, "Env")) {
        const std::string_view variable = entry.get_ref<const std::string&>();
        const std::string_view name = variable.substr(0, variable.find('='));
        if (matches_any(profile.env_refused, name)) return denied("env.refused", "Env", std::string(name), "leave the variable out");
    }
    return {};
}

Result<void> judge_user(const std::string& user, const std::string& field, const Profile& profile)
{
    if (!profile.non_root) return {};
    const std::string_view uid = std::string_view(user).substr(0, user.find(':'));
    // A name is looked up in the image's /etc/passwd, where it may be root's.
    const bool number =
        !uid.empty() && uid.size() <= 9 && uid.front() != '0' && uid.find_first_not_of("0123456789") == uid.npos;
    if (number) return {};
    return denied("user.non_root", field, user, "run as a user other than root, given by its number: --user 1000");
}

}  // namespace rules
