#include "rules/bodies_parts.h"

namespace rules {
namespace {

constexpr Field create_fields[] = {
    pass("AttachStdin", Type::boolean),
    pass("AttachStdout", Type::boolean),
    pass("AttachStderr", Type::boolean),
    pass("ConsoleSize", Type::integer_list),
    pass("DetachKeys", Type::text),
    pass("Tty", Type::boolean),
    pass("Env", Type::text_list),
    pass("Cmd", Type::text_list),
    pass("User", Type::text),
    pass("WorkingDir", Type::text),
    deny("Privileged", Type::boolean, "privileged",
         "exec without --privileged; `--user root` works inside the container"),
    drop("Detach", Type::boolean),    // the CLI sends it here and again in start, where it counts
    drop("Container", Type::text),    // docker-py
    drop("containerId", Type::text),  // docker-java
};

constexpr Field start_fields[] = {
    pass("Detach", Type::boolean), pass("Tty", Type::boolean), pass("ConsoleSize", Type::integer_list),
    drop("hijack", Type::boolean),  // dockerode's own options
    drop("stdin", Type::boolean),
};

}  // namespace

constinit const Schema exec_create_schema{"ExecCreate", create_fields};
constinit const Schema exec_start_schema{"ExecStart", start_fields};

Result<Json> rewrite_exec_create(Json body, const Profile&)
{
    return body;
}

}  // namespace rules
