#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/io/lock.h"
#include "rules/names/addresses.h"

namespace broker {

/// All addresses of this host's devices.
std::vector<rules::Address> addresses_of_host();

/// What names stand for, as this host looks them up (broker/network/host_names.h): bounded in time, one at a time for a job, and remembered for some
/// seconds, in which several dials of one operation ask for the same.
class Resolver {
public:
    /// `companion`: a socket behind which names are looked up, if it is there at the time.
    explicit Resolver(const std::filesystem::path& companion);

    /// The addresses of `name`; none: nobody here knows it. nullopt: that cannot be learnt now. `job`: key.
    Task<std::optional<std::vector<rules::Address>>> look_up(std::string name, std::string job);

private:
    struct Known {
        std::vector<rules::Address> addresses;
        Clock::time_point until;
    };
    struct State {
        Unix::endpoint companion;
        std::map<std::string, Known> known = {};
        std::map<std::string, std::shared_ptr<Lock>> turns = {};  ///< of jobs: held while a lookup is under way, awaited or not

        const Known* find(const std::string& name) const;
    };
    struct Lookup {
        explicit Lookup(Executor executor) : over(executor, Clock::time_point::max()) {}
        Timer over;  ///< cancelled at its end
        bool is_over = false;
    };
    static Task<> run(std::shared_ptr<State> state, std::string name, std::shared_ptr<Lock> lock, Lock::Held turn, std::shared_ptr<Lookup> lookup);

    std::shared_ptr<State> state_;
};

}  // namespace broker
