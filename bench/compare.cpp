#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/client.h"
#include "bench/load.h"
#include "bench/table.h"

// bench_load: measures several ways to one engine, in turns. Ratios inside one such run are the finding; figures of two
// runs on a busy machine differ by a third and more.

namespace bench {
namespace {

struct Options {
    int rounds = 5;
    double seconds = 1;
    std::uint64_t bytes = std::uint64_t{1} << 30;
    double slack = 0.25;
    int idle = 1000;   ///< idle connections whose memory is measured
    std::string only;  ///< scenarios whose name contains this
    std::vector<Target> targets;
};

struct Scenario {
    std::string name;
    Aim aim;
    std::function<Sample(const Target&)> measure;
    bool through_proxy = false;  ///< has no meaning without one
};

/// A create of about 2 KiB as a CI runner sends it.
std::string create_body(const std::string& command, bool privileged = false)
{
    std::string environment;
    for (int i = 0; i < 24; ++i)
        environment += (i ? "," : "") + std::string("\"CI_VARIABLE_NUMBER_") + std::to_string(i) +
                       "=some/value/of-a-usual-length/" + std::to_string(i) + "\"";
    return R"({"Image":"bench/image:latest","Cmd":[")" + command + R"("],"Env":[)" + environment +
           R"(],"WorkingDir":"/builds/project","Labels":{"org.example.pipeline":"48151","org.example.job":"623"},)"
           R"("AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,)"
           R"("StdinOnce":false,"HostConfig":{"Binds":null,"NetworkMode":"default","PortBindings":{},)"
           R"("RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,)"
           R"("Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Memory":0,"NanoCpus":0,"ShmSize":67108864,)"
           R"("ReadonlyRootfs":false,"Privileged":)" +
           (privileged ? "true" : "false") + R"(},"NetworkingConfig":{"EndpointsConfig":{}}})";
}

std::vector<Scenario> request_scenarios(const Options& options)
{
    const auto load = [seconds = options.seconds](const std::string& bytes, int connections, int status = 200,
                                                  bool fresh = false, std::uint64_t most = UINT64_MAX) {
        const Load each{bytes, status, connections, fresh, seconds, most};
        return [each](const Target& target) { return drive(target, each); };
    };
    const std::string ping = request("GET", "/_ping");
    const auto changes = [seconds = options.seconds](int connections) {  // berth forwards it as it is, both ways
        return [=](const Target& target) {
            const std::string get = request("GET", "/v1.51/containers/" + target.containers.at("echo") + "/changes");
            return drive(target, {get, 200, connections, false, seconds, UINT64_MAX});
        };
    };
    const std::string list = request("GET", "/v1.51/containers/json?all=1");
    const std::string create = request("POST", "/v1.51/containers/create", create_body("check"));
    // HAProxy does not look into bodies: it knows a refused create by its name
    const std::string refused = request("POST", "/v1.51/containers/create?name=refused", create_body("check", true));
    const Aim pass{&Sample::cpu, 0.75};
    const Aim judged{&Sample::cpu, 1.20};  // berth reads, judges and writes anew what HAProxy passes on unread
    const Aim anew{&Sample::cpu, 0.80};
    const double seconds = options.seconds;
    return {
        {"ping, 1 connection", pass, load(ping, 1)},
        {"ping, 10", pass, load(ping, 10)},
        {"ping, 50", pass, load(ping, 50)},
        {"changes 2 KiB, 1", pass, changes(1)},
        {"changes 2 KiB, 10", pass, changes(10)},
        {"changes 2 KiB, 50", pass, changes(50)},
        {"list 2 KiB, 10", judged, load(list, 10)},
        {"create 2 KiB, 10", judged, load(create, 10, 201, false, 4000)},
        {"refused create, 10", {&Sample::cpu, 0.90}, load(refused, 10, 403), true},
        {"ping on a new connection, 1", anew, load(ping, 1, 200, true)},
        {"ping on a new connection, 10", anew, load(ping, 10, 200, true)},
        {"attach, echo of 64 B",
         {&Sample::p50, 0.95},
         [seconds](const Target& target) { return echo(target, seconds); }},
    };
}

std::vector<Scenario> stream_scenarios(const Options& options)
{
    const Aim bulk{&Sample::gib, 2, true};
    const auto stream = [bytes = options.bytes](Stream which) {
        return [which, bytes](const Target& target) { return move(target, which, bytes); };
    };
    return {
        {"attach, to the engine", bulk, stream(Stream::attach_up)},
        {"attach, from the engine", bulk, stream(Stream::attach_down)},
        {"export, chunked", bulk, stream(Stream::download)},
        {"archive, chunked", bulk, stream(Stream::upload)},
    };
}

/// Gives the target a pulled image and three containers; the first target's are what lists show.
void prepare(Target& target)
{
    ask(target.socket, request("POST", "/v1.51/images/create?fromImage=bench%2Fimage&tag=latest"), 200);
    for (const char* command : {"echo", "sink", "source"}) {
        const std::string create = request("POST", "/v1.51/containers/create", create_body(command));
        const std::string made = ask(target.socket, create, 201);
        target.containers[command] = made.substr(made.find("\"Id\":\"") + 6, 64);
    }
}

/// Round by round, each target in turn; the order moves on, so that no target always comes after the same other.
std::vector<Row> measure(const std::vector<Scenario>& scenarios, const Options& options)
{
    std::vector<Row> rows;
    for (const Scenario& scenario : scenarios) {
        if (scenario.name.find(options.only) == std::string::npos) continue;
        Row row{scenario.name, scenario.aim, {}};
        row.samples.resize(options.targets.size());
        for (int round = 0; round < options.rounds; ++round) {
            if (isatty(2))
                std::fprintf(stderr, "\r%-40s round %d of %d ", scenario.name.c_str(), round + 1, options.rounds);
            for (std::size_t i = 0; i < options.targets.size(); ++i) {
                const std::size_t turn = (i + round) % options.targets.size();
                const Target& target = options.targets[turn];
                if (scenario.through_proxy && target.pid == 0) continue;
                try {
                    row.samples[turn].push_back(scenario.measure(target));
                } catch (const std::exception& error) {
                    throw std::runtime_error(scenario.name + ", " + target.name + ": " + error.what());
                }
            }
        }
        rows.push_back(std::move(row));
    }
    if (isatty(2)) std::fprintf(stderr, "\n");
    return rows;
}

int compare(Options options)
{
    std::vector<Memory> memories(options.targets.size());
    for (std::size_t i = 0; i < memories.size(); ++i) {
        memories[i].idle = memory(options.targets[i], "VmRSS");
        prepare(options.targets[i]);
        if (options.targets[i].pid != 0) memories[i].connections = idle_memory(options.targets[i], options.idle);
        forget_peak(options.targets[i]);
    }
    const std::vector<Row> requests = measure(request_scenarios(options), options);
    const std::vector<Row> streams = measure(stream_scenarios(options), options);
    for (std::size_t i = 0; i < memories.size(); ++i) {
        memories[i].after = memory(options.targets[i], "VmRSS");
        memories[i].peak = memory(options.targets[i], "VmHWM");
    }
    return print_tables(options.targets, requests, streams, memories, options.slack) == 0 ? 0 : 1;
}

/// `NAME=SOCKET[,PID]`
Target parse_target(const std::string& text)
{
    const auto equals = text.find('=');
    const auto comma = text.find(',', equals);
    Target target{text.substr(0, equals), text.substr(equals + 1, comma - equals - 1), 0, {}};
    if (comma != std::string::npos) target.pid = std::atoi(text.c_str() + comma + 1);
    return target;
}

constexpr std::string_view usage =
    "usage: bench_load [--rounds 5] [--seconds 1] [--bytes 1073741824] [--only TEXT] [--slack 0.25] [--idle 1000] "
    "--target "
    "NAME=SOCKET[,PID]...\n"
    "Targets are measured in turns; the names direct, berth and haproxy are compared. BYTES is what bench_engine was "
    "started with,\n"
    "a multiple of 256 KiB. Exit status 1: an aim was missed by more than the slack; 2: nothing could be measured.\n";

int run(int argc, char** argv)
{
    Options options;
    const std::map<std::string_view, std::function<void(const std::string&)>> known = {
        {"--rounds", [&](const std::string& value) { options.rounds = std::stoi(value); }},
        {"--seconds", [&](const std::string& value) { options.seconds = std::stod(value); }},
        {"--bytes", [&](const std::string& value) { options.bytes = std::stoull(value); }},
        {"--slack", [&](const std::string& value) { options.slack = std::stod(value); }},
        {"--idle", [&](const std::string& value) { options.idle = std::stoi(value); }},
        {"--only", [&](const std::string& value) { options.only = value; }},
        {"--target", [&](const std::string& value) { options.targets.push_back(parse_target(value)); }},
    };
    bool understood = argc % 2 == 1;
    for (int i = 1; understood && i < argc; i += 2) {
        const auto option = known.find(argv[i]);
        understood = option != known.end();
        if (understood) option->second(argv[i + 1]);
    }
    if (understood && !options.targets.empty()) return compare(std::move(options));
    std::fputs(usage.data(), stderr);
    return 2;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv)
{
    try {
        return bench::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "\nbench_load: %s\n", error.what());
        return 2;
    }
}
