#include "broker/engine/anchor.h"

#include "broker/engine/redaction.h"
#include "broker/io/log.h"
#include "rules/profile/ci_labels.h"

namespace broker {
namespace {

using rules::Json;
using rules::Op;

/// Writes `line` (or nothing) in place of our line of the container's /etc/hosts: the engine's DNS knows endpoints
/// only, and a gateway is none. The file is a mount of its own, so it is written over and not replaced.
Task<> write_host(Engine& engine, std::string anchor, std::string line)
{
    constexpr std::string_view script =
        R"(rest=$(grep -v ' # berth$' /etc/hosts) || exit; printf '%s\n%s' "$rest" "$1" >/etc/hosts)";
    EngineRequest make{.op = Op::exec_create, .id = anchor};
    make.body = Json{{"User", "0"}, {"Cmd", Json::array({"sh", "-c", script, "sh", line})}};
    const Answer made = co_await engine.call(make);
    if (!made.ok()) throw failure_of("its /etc/hosts", made);
    EngineRequest start{.op = Op::exec_start, .id = made.json().value("Id", "")};
    start.body = Json{{"Detach", true}};
    const Answer started = co_await engine.call(start);
    if (!started.ok()) throw failure_of("its /etc/hosts", started);
    const EngineRequest inspect = inspection_of(rules::Kind::exec, start.id);
    for (int tries = 0; tries < 100; ++tries) {
        const Answer seen = co_await engine.call(inspect);
        const Json exec = seen.json();
        const bool running = exec.value("Running", false);
        if (!running && exec.contains("ExitCode") && exec["ExitCode"] != 0)
            throw EngineFailure("its /etc/hosts cannot be written");
        if (!running) co_return;
        co_await pause(20ms);
    }
}

}  // namespace

Task<> join_anchor(Engine& engine, std::string anchor, std::string network, std::string gateway)
{
    try {
        EngineRequest join{.op = Op::network_connect, .id = network};
        join.body = Json{{"Container", anchor}};
        const Answer joined = co_await engine.call(join);
        if (!joined.ok() && joined.message().find("already exists") == std::string::npos)
            throw failure_of("its network", joined);
        co_await write_host(engine, anchor, gateway + " docker # berth\n");
    } catch (const std::exception& failure) {
        log::warn("the anchor does not reach the job's ports", {{"anchor", anchor}, {"error", failure.what()}});
    }
}

Task<db::Seconds> deadline_of_anchor(Engine& engine, std::string anchor, db::Seconds now)
{
    const Answer answer = co_await engine.inspect(rules::Kind::container, anchor);
    if (!answer.ok()) co_return 0;
    const Json inspect = co_await json_of(answer);
    co_return rules::deadline_of_labels(inspect.value(Json::json_pointer("/Config/Labels"), Json()), now).value_or(0);
}

Task<> part_anchor(Engine& engine, std::string anchor, std::string network)
{
    try {
        EngineRequest leave{.op = Op::network_disconnect, .id = network};
        leave.body = Json{{"Container", anchor}, {"Force", true}};
        co_await engine.call(leave);
        co_await write_host(engine, anchor, "");
    } catch (const std::exception& failure) {
        log::info("the anchor is gone", {{"anchor", anchor}, {"error", failure.what()}});
    }
}

}  // namespace broker
