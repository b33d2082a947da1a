#include <gtest/gtest.h>

#include "rules/bodies/bodies.h"

namespace rules {
namespace {

TEST(ExecCreate, RefusesPrivilege)
{
    const Result<Json> body = admit(Json::parse(R"({"Cmd":["sh"],"Privileged":true})"), exec_create_schema);
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().rule, "privileged");
    EXPECT_EQ(body.error().field, "Privileged");
    EXPECT_EQ(admit(Json::parse(R"({"Cmd":["sh"],"privileged":true})"), exec_create_schema).error().status, 400);
    EXPECT_EQ(admit(Json::parse(R"({"Cmd":"sh"})"), exec_create_schema).error().status, 400);
}

TEST(ExecCreate, SendsOnWhatClientsSend)
{
    // docker 28.5, and docker-java's containerId.
    const Json body = Json::parse(R"({"User":"","Privileged":false,"Tty":false,"AttachStdin":false,"AttachStderr":true,
        "AttachStdout":true,"DetachKeys":"","Env":["A=b"],"WorkingDir":"","Cmd":["ls"],"Detach":false,"containerId":"web"})");
    const Json admitted = admit(body, exec_create_schema).value();
    EXPECT_EQ(rewrite_exec_create(admitted, {}).value(),
              Json::parse(R"({"User":"","Tty":false,"AttachStdin":false,"AttachStderr":true,"AttachStdout":true,
                              "DetachKeys":"","Env":["A=b"],"WorkingDir":"","Cmd":["ls"]})"));
}

TEST(ExecStart, KnowsThreeFields)
{
    EXPECT_EQ(admit(Json::parse(R"({"Detach":true,"Tty":false,"ConsoleSize":[24,80],"hijack":true,"stdin":true})"),
                    exec_start_schema)
                  .value(),
              Json::parse(R"({"Detach":true,"Tty":false,"ConsoleSize":[24,80]})"));
    EXPECT_EQ(admit(Json::parse(R"({"Detach":1})"), exec_start_schema).error().status, 400);
    EXPECT_EQ(admit(Json::parse(R"({"Privileged":true})"), exec_start_schema).error().rule, "unknown-field");
}

}  // namespace
}  // namespace rules
