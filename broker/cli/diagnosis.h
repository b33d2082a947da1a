#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/host/disk_space.h"
#include "db/check.h"
#include "rules/json.h"
#include "rules/names/subnets.h"

// What `berth doctor` makes of what it saw: values in, values out.
namespace broker {

/// What can be seen of a host.
struct HostFacts {
    std::string program;  ///< our version
    bool root = false;

    std::string engine;                           ///< address
    std::string engine_problem;                   ///< why it does not answer; empty when it does
    rules::Json version = rules::Json::object();  ///< its /version
    rules::Json info = rules::Json::object();     ///< its /info
    std::vector<rules::Subnet> networks;          ///< of the engine

    bool daemon = false;                         ///< berth serve answers
    std::string daemon_problem;                  ///< why it does not
    rules::Json status = rules::Json::object();  ///< what it says of itself

    std::vector<std::string> security_modules;  ///< of the kernel
    std::string firewall_problem;               ///< empty: the packet filter can be changed
    std::string paths_problem;  ///< empty: paths can be opened beneath a root, and held by mounts that the engine sees
    rules::Pool pool;
    std::string pool_problem;
    std::vector<rules::Subnet> routes;

    Space engine_data, state;
    std::string runtime_dir;
    db::Checked ledger;
};

enum class Health : std::uint8_t {
    ok,
    warn,  ///< jobs run, with less than could be
    fail   ///< jobs do not run, or something that berth promises does not hold
};

struct Finding {
    std::string check;  ///< one word: `engine`
    Health health = Health::ok;
    std::string text;  ///< what is so, and what it means
    std::string fix;   ///< what to do; empty when nothing is wrong
};

/// One finding a check, always in the same order; checks that need the engine are left out when it does not answer.
std::vector<Finding> diagnose(const HostFacts& facts);

std::string_view health_name(Health health);
/// {"ok","failed","warned","findings":[{"check","status","text","fix"}]}
rules::Json json_of(const std::vector<Finding>& findings);

}  // namespace broker
