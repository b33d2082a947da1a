#include "broker/daemon/serve.h"

#include <google/protobuf/stubs/logging.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>

#include "broker/daemon/admin.h"
#include "broker/engine/engine_events.h"
#include "broker/engine/image_cache.h"
#include "broker/engine/images.h"
#include "broker/exchange/exchange.h"
#include "broker/host/door.h"
#include "broker/host/own_files.h"
#include "broker/host/privileges.h"
#include "broker/host/systemd.h"
#include "broker/io/log.h"
#include "broker/io/version.h"
#include "broker/jobs/subnet_leases.h"
#include "broker/network/firewall.h"
#include "broker/network/resolver.h"
#include "broker/dispatch/operate.h"

namespace broker {
namespace {

namespace fs = std::filesystem;

constexpr auto drain_limit = 10s;

/// Doors and engine connections are descriptors: as many as we may have.
void raise_descriptor_limit()
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

rules::Pool pool_of(const Config& config)
{
    const auto pool = rules::parse_pool(config.network_pool, config.network_size);
    if (!pool) throw std::runtime_error(pool.error().message);
    return *pool;
}

/// The parts of a running daemon, in the order in which they are made.
class Server {
public:
    Server(const Config& config, rules::Rulebook rulebook)
        : config_(config),
          rulebook_(std::move(rulebook)),
          engine_(io_, socket_of(config.engine)),
          images_(engine_),
          store_(std::in_place, io_, config.state_dir / "berth.db"),
          cache_(engine_, images_, *store_, config.cache),
          leases_(engine_, *store_, pool_of(config)),
          firewall_(config.state_dir),
          admin_(io_.get_executor())
    {
    }

    int run()
    {
        asio::co_spawn(io_, main(), [](const std::exception_ptr& error) {
            if (error) std::rethrow_exception(error);
        });
        io_.run();
        if (busy()) {  // something did not end in time
            leave();
            std::_Exit(exit_status_);
        }
        return exit_status_;
    }

    /// Something goes on that holds on to the parts of this.
    bool busy() const { return jobs_ && !jobs_->quiet(); }
    /// What goes on ends with the process; the ledger is written out first.
    void leave() { store_.reset(); }

    /// The report of Jobs::cleanup, without serving anybody.
    rules::Json clean(bool dry_run, bool orphans)
    {
        rules::Json report;
        std::exception_ptr failed;
        const auto work = [&]() -> Task<> {
            try {
                co_await engine_.learn();
                make_jobs();
                co_await cache_.learn();
                co_await jobs_->restore(false);
                report = co_await jobs_->cleanup(dry_run, orphans);
            } catch (const Refused& refused) {
                failed = std::make_exception_ptr(std::runtime_error(refused.error.message));
            } catch (...) {
                failed = std::current_exception();
            }
            io_.stop();
        };
        asio::co_spawn(io_, work(), asio::detached);
        io_.run();
        if (failed) std::rethrow_exception(failed);
        return report;
    }

private:
    Task<> main()
    {
        asio::co_spawn(io_, supervisor_.feed_watchdog(), asio::detached);
        asio::signal_set signals(io_, SIGTERM, SIGINT);
        co_await race(work(), wait_for(signals));
        error_code ignored;
        admin_.close(ignored);
        log::info("stopping");
        supervisor_.stopping();
        if (jobs_) co_await jobs_->stop(drain_limit);
        if (!admin_passed_) fs::remove(admin_path());
        log::info("stopped");
        io_.stop();
    }

    Task<> wait_for(asio::signal_set& signals) { co_await signals.async_wait(use_task_tuple); }

    /// Never returns: ends by being cancelled, or by what makes serving impossible.
    Task<> work()
    {
        asio::signal_set hangups(io_, SIGHUP);
        co_await await_engine();
        make_jobs();
        co_await cache_.learn();
        co_await jobs_->restore(true);
        open_admin();
        supervisor_.drop_rest();  // doors of jobs that are not open any more
        supervisor_.ready("serving Docker " + engine_.server_version() + " at " + config_.engine);
        asio::co_spawn(io_, jobs_->watch(), asio::detached);
        asio::co_spawn(io_, jobs_->follow_engine(), asio::detached);
        asio::co_spawn(io_, reload_on(hangups), asio::detached);
        log::info("serving", {{"version", program_version}, {"engine", config_.engine}, {"engine_version", engine_.server_version()},
                              {"api", rules::to_string(engine_.versions().newest)}, {"admin", admin_path().string()}});
        for (;;) {
            auto [error, socket] = co_await admin_.async_accept(use_task_tuple);
            if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
            if (error)
                co_await pause(100ms);  // out of descriptors: let some connections end
            else
                asio::co_spawn(io_,
                               serve_admin(std::make_unique<SocketTransport>(Socket(std::move(socket))), *jobs_, services(),
                                           {program_version, started_, &config_}),
                               asio::detached);
        }
    }

    void make_jobs()
    {
        const auto serve = [services = services()](std::unique_ptr<Transport> transport, Caller caller) {
            return serve_job(std::move(transport), caller, services, operate);
        };
        jobs_.emplace(services(), serve, config_.runtime_dir, std::vector<std::string>{config_.state_dir}, config_.rules, std::move(rulebook_));
    }

    Task<> reload_on(asio::signal_set& hangups)
    {
        for (;;) {
            const auto [error, signal] = co_await hangups.async_wait(use_task_tuple);
            if (error) co_return;
            co_await jobs_->reload_rules();  // tells what is wrong in the log
        }
    }

    /// The engine may come up after us.
    Task<> await_engine()
    {
        for (bool told = false;; told = true) {
            try {
                co_await engine_.learn();
                co_return;
            } catch (const EngineFailure& failure) {
                if (!told) log::warn("waiting for the engine", {{"engine", config_.engine}, {"error", failure.what()}});
                // Whoever waits for our start need not wait for the engine's.
                if (!told) supervisor_.ready("waiting for the engine at " + config_.engine);
            }
            co_await pause(500ms);
        }
    }

    /// The socket that the supervisor listens on for us (systemd/berth.socket), else one of our own.
    void open_admin()
    {
        File passed = supervisor_.take("admin");
        admin_passed_ = passed.get() >= 0;
        if (admin_passed_ && ::sd_is_socket_unix(passed.get(), SOCK_STREAM, 1, nullptr, 0) <= 0)
            throw std::runtime_error("the socket that was passed as \"admin\" is not a listening unix socket");
        if (admin_passed_) {
            admin_ = Acceptor(io_.get_executor(), Unix(), passed.release());
            return;
        }
        fs::remove(admin_path());
        const mode_t before = ::umask(0177);
        admin_ = Acceptor(io_.get_executor(), Unix::endpoint(admin_path().string()));
        ::umask(before);
        if (config_.group.empty()) return;
        as_parent(admin_path());
        fs::permissions(admin_path(), fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read | fs::perms::group_write);
    }

    Services services() { return {io_, engine_, events_, *store_, images_, cache_, leases_, firewall_, resolver_, supervisor_, steps_}; }
    fs::path admin_path() const { return config_.runtime_dir / "admin.sock"; }

    const Config& config_;
    rules::Rulebook rulebook_;  ///< until there are jobs, which keep it
    asio::io_context io_{1};
    Engine engine_;
    EngineEvents events_{engine_};
    ImageCatalogue images_;
    std::optional<db::Store> store_;
    ImageCache cache_;
    SubnetLeases leases_;
    Firewall firewall_;
    Resolver resolver_{config_.names_socket};
    std::set<std::string> steps_;
    Supervisor supervisor_;
    Acceptor admin_;
    bool admin_passed_ = false;
    std::optional<Jobs> jobs_;
    Clock::time_point started_ = Clock::now();
    int exit_status_ = 0;
};

}  // namespace

/// The group `name`, of which this process is one from here on: so it may give what it owns to it without CAP_CHOWN.
static gid_t join(const std::string& name)
{
    const auto* entry = ::getgrnam(name.c_str());
    if (!entry) throw std::runtime_error("there is no group \"" + name + "\" on this host (group)");
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    groups.resize(static_cast<std::size_t>(std::max(0, ::getgroups(static_cast<int>(groups.size()), groups.data()))));
    groups.push_back(entry->gr_gid);
    ::setgroups(groups.size(), groups.data());  // where it may not, it has to be one already
    return entry->gr_gid;
}

/// Gives `directory` to root; members of `group` may enter. Doors have the group of the directory that they are made in.
static void share(const fs::path& directory, const std::string& group)
{
    if (::chown(directory.c_str(), static_cast<uid_t>(-1), group.empty() ? ::getegid() : join(group)) != 0)
        throw std::system_error(errno, std::generic_category(), directory.string());
    fs::permissions(directory, !group.empty() ? fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec : fs::perms::owner_all);
}

/// `given` as this process uses it, its directories made.
static Config prepared(const Config& given)
{
    Config config = given;
    config.state_dir = fs::absolute(config.state_dir);  // doors are mounted by the engine, which knows no directory of ours
    config.runtime_dir = fs::absolute(config.runtime_dir);
    if (!config.rules.empty()) config.rules = fs::absolute(config.rules);
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    give_up_privileges();
    for (const fs::path& each : {config.state_dir, config.runtime_dir, config.runtime_dir / "jobs", config.runtime_dir / "pins"}) own_directory(each);
    for (const fs::path& each : {config.runtime_dir, config.runtime_dir / "jobs"}) share(each, config.group);
    return config;
}

static rules::Rulebook rulebook_of(const Config& config)
{
    auto rulebook = read_rulebook(config.rules);
    if (!rulebook) throw std::runtime_error("the rules cannot be used:\n" + rulebook.error().message);
    return *std::move(rulebook);
}

rules::Json cleanup_alone(const Config& given, bool dry_run, bool orphans)
{
    const Config config = prepared(given);
    const auto end = [](Server* server) { server->busy() ? server->leave() : delete server; };
    const std::unique_ptr<Server, decltype(end)> server(new Server(config, rulebook_of(config)), end);
    return server->clean(dry_run, orphans);
}

int serve(const Config& given)
{
    google::protobuf::SetLogHandler(nullptr);  // it has a line for each text of a client that is no UTF-8, however many it sends
    try {
        const Config config = prepared(given);
        Server server(config, rulebook_of(config));
        return server.run();
    } catch (const std::exception& failure) {
        log::error("berth cannot serve", {{"error", failure.what()}});
        return 1;
    }
}

}  // namespace broker
