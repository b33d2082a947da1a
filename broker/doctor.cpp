#include "broker/doctor.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>

#include "broker/admin_client.h"
#include "broker/beneath.h"
#include "broker/engine.h"
#include "broker/firewall.h"
#include "broker/random.h"
#include "broker/routes.h"
#include "broker/serve.h"
#include "broker/version.h"

namespace broker {
namespace {

namespace fs = std::filesystem;
using rules::Json;

constexpr auto patience = 10s;  ///< with the engine; half of it with the daemon

std::string kind_of(long magic)
{
    constexpr std::array<std::pair<unsigned long, const char*>, 16> known{{{0xef53, "ext4"},
                                                                           {0x58465342, "xfs"},
                                                                           {0x9123683e, "btrfs"},
                                                                           {0x01021994, "tmpfs"},
                                                                           {0x858458f6, "ramfs"},
                                                                           {0x794c7630, "overlay"},
                                                                           {0x6969, "nfs"},
                                                                           {0x517b, "smb"},
                                                                           {0xff534d42, "cifs"},
                                                                           {0xfe534d42, "smb2"},
                                                                           {0x01021997, "9p"},
                                                                           {0x65735546, "fuse"},
                                                                           {0x2fc12fc1, "zfs"},
                                                                           {0xf2f52010, "f2fs"},
                                                                           {0xca451a4e, "bcachefs"},
                                                                           {0x61756673, "aufs"}}};
    const auto value = static_cast<unsigned long>(magic) & 0xffffffffUL;
    for (const auto& [number, name] : known)
        if (number == value) return name;
    return fmt::format("{:#x}", value);
}

/// Of the file system at `path`, or where `path` would be made.
Space space_at(const fs::path& path, bool made_later)
{
    Space space;
    space.path = path.string();
    fs::path there = path;
    std::error_code ignored;
    while (made_later && !fs::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
    struct statvfs room{};
    struct statfs system{};
    if (::statvfs(there.c_str(), &room) != 0 || ::statfs(there.c_str(), &system) != 0) {
        space.problem = std::strerror(errno);
        return space;
    }
    space.kind = kind_of(system.f_type);
    space.bytes = std::uint64_t{room.f_blocks} * room.f_frsize;
    space.bytes_free = std::uint64_t{room.f_bfree} * room.f_frsize;
    space.inodes = room.f_files;
    space.inodes_free = room.f_ffree;
    return space;
}

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
