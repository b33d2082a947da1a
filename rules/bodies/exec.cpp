#include "rules/bodies/parts.h"
#include "rules/glob.h"

namespace rules {
namespace {

constexpr Field exec_fields[] = {
    pass("AttachStdin", Type::boolean),
    pass("AttachStdout", Type::boolean),
    pass("AttachStderr", Type::boolean),
    since(42, pass("ConsoleSize", Type::integer_list)),
    pass("DetachKeys", Type::text),
    pass("Tty", Type::boolean),
    since(25, long_texts(check("Env", Type::text_list))),
    long_texts(pass("Cmd", Type::text_list)),
    check("User", Type::text),
    since(35, pass("WorkingDir", Type::text)),
    deny("Privileged", Type::boolean, "privileged",
         "exec without --privileged; `--user root` works inside the container"),
    drop("Detach", Type::boolean),    // the CLI sends it here and again in start, where it counts
    drop("Container", Type::text),    // docker-py
    drop("containerId", Type::text),  // docker-java
};

constexpr Field start_fields[] = {
    pass("Detach", Type::boolean),
    pass("Tty", Type::boolean),
    since(42, pass("ConsoleSize", Type::integer_list)),
    drop("hijack", Type::boolean),  // dockerode's own options
    drop("stdin", Type::boolean),
};

}  // namespace

constinit const Schema exec_create_schema{"ExecCreate", exec_fields};
constinit const Schema exec_start_schema{"ExecStart", start_fields};

Result<Json> rewrite_exec_create(Json body, const Profile& profile)
{
    if (const auto judged = judge_env(body, profile); !judged) return tl::unexpected(judged.error());
    const std::string user = text(body, "User");
    if (user.empty()) return body;  // the container's own
    if (!matches_any(profile.exec_users, user))
        return denied("exec.users", "User", user,
                      profile.exec_users.empty()
                          ? "run it as the container's own user: leave --user out"
                          : "use one of " + joined(profile.exec_users) + ", or leave --user out");
    if (const auto judged = judge_user(user, "User", profile); !judged) return tl::unexpected(judged.error());
    return body;
}

}  // namespace rules
