#include "broker/cli/doctor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "broker/cli/admin_client.h"
#include "broker/daemon/serve.h"
#include "broker/engine/engine.h"
#include "broker/host/beneath.h"
#include "broker/io/random.h"
#include "broker/io/version.h"
#include "broker/network/firewall.h"
#include "broker/network/routes.h"

namespace broker {
namespace {

namespace fs = std::filesystem;
using rules::Json;

constexpr auto patience = 10s;  ///< with the engine; half of it with the daemon

std::vector<std::string> security_modules()
{
    std::ifstream file("/sys/kernel/security/lsm");
    std::vector<std::string> modules;
    for (std::string name; std::getline(file, name, ',');) modules.push_back(name);
    return modules;
}

/// Does with a directory of its own what is done with the paths of jobs; empty, or why it cannot be done.
std::string paths_problem(const std::string& engine, const fs::path& runtime_dir)
{
    std::error_code ignored;
    const bool made = !fs::exists(runtime_dir, ignored);
    const fs::path own = runtime_dir / ("doctor-" + random_text(8));
    std::string problem;
    try {
        fs::create_directories(own / "root" / "inside");
        if (made) fs::permissions(runtime_dir, fs::perms::owner_all);
        const fs::path entry = pin(open_beneath(open_root((own / "root").string()), "inside"), own, "pin");
        if (!sees(engine, entry)) problem = "the engine does not see mounts that are made in " + runtime_dir.string();
        unpin(entry);
    } catch (const std::exception& failure) {
        problem = failure.what();
    }
    fs::remove_all(own, ignored);
    if (made) fs::remove(runtime_dir, ignored);
    return problem;
}

Task<Json> asked(Engine& engine, rules::Op op)
{
    const EngineRequest request{.op = op};
    const Answer answer = co_await engine.call(request);
    if (!answer.ok()) throw EngineFailure("the engine does not answer as one does: " + answer.message());
    Json json = answer.json();
    co_return json;
}

Task<> ask_engine(Engine& engine, HostFacts& facts)
{
    co_await engine.learn();
    facts.version = co_await asked(engine, rules::Op::system_version);
    facts.info = co_await asked(engine, rules::Op::system_info);
    const Json networks = co_await asked(engine, rules::Op::network_list);
    const Json::json_pointer at("/IPAM/Config");
    for (const Json& network : networks) {
        if (!network.contains(at) || !network.at(at).is_array()) continue;
        for (const Json& pool : network.at(at))
            if (const auto subnet = rules::parse_subnet(pool.value("Subnet", ""))) facts.networks.push_back(*subnet);
    }
}

void look_at_engine(HostFacts& facts)
{
    try {
        asio::io_context io(1);
        Engine engine(io, socket_of(facts.engine));
        const auto look = [&]() -> Task<> {
            try {
                if (!co_await within(patience, ask_engine(engine, facts)))
                    facts.engine_problem = "the engine at " + facts.engine + " does not answer";
            } catch (const std::exception& failure) {
                facts.engine_problem = failure.what();
            }
        };
        asio::co_spawn(io, look(), asio::detached);
        io.run();
    } catch (const std::exception& failure) {
        facts.engine_problem = failure.what();
    }
}

void look_at_daemon(HostFacts& facts, const std::string& admin_socket)
{
    try {
        facts.status = ask_daemon(admin_socket, "GET", "/status", {}, 5s);
        facts.daemon = true;
    } catch (const std::exception& failure) {
        facts.daemon_problem = failure.what();
    }
}

/// The daemon's setting `key`, unless the command line has it.
template <class T>
T chosen(const DoctorRequest& request, const Json& status, const char* key, const T& otherwise)
{
    return request.given.contains(key) ? otherwise : status.value(key, otherwise);
}

}  // namespace

std::vector<Finding> examine(const std::string& admin_socket, const DoctorRequest& request)
{
    const Config& otherwise = request.config;
    HostFacts facts;
    facts.program = program_version;
    facts.root = ::geteuid() == 0;
    look_at_daemon(facts, admin_socket);
    const Json& status = facts.status;
    const Json engine = {{"engine", status.value("engine", Json::object()).value("address", otherwise.engine)}};
    facts.engine = chosen(request, engine, "engine", otherwise.engine);
    const fs::path state_dir = fs::absolute(chosen(request, status, "state_dir", otherwise.state_dir.string()));
    const fs::path runtime_dir = fs::absolute(chosen(request, status, "runtime_dir", otherwise.runtime_dir.string()));
    look_at_engine(facts);

    facts.security_modules = security_modules();
    facts.firewall_problem = firewall_problem();
    facts.runtime_dir = runtime_dir.string();
    if (facts.engine_problem.empty()) {
        facts.paths_problem = paths_problem(socket_of(facts.engine), runtime_dir);
        facts.engine_data = space_at(facts.info.value("DockerRootDir", "/var/lib/docker"), false);
    }
    const auto pool = rules::parse_pool(chosen(request, status, "network_pool", otherwise.network_pool),
                                        chosen(request, status, "network_size", otherwise.network_size));
    if (pool)
        facts.pool = *pool;
    else
        facts.pool_problem = pool.error().message;
    facts.routes = rules::parse_subnets(routed_subnets());
    facts.state = space_at(state_dir, true);
    facts.ledger = db::check_ledger(state_dir / "berth.db");
    return diagnose(facts);
}

}  // namespace broker
