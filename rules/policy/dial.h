#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/names/addresses.h"
#include "rules/profile.h"
#include "rules/result.h"

// What the engine connects to for a job: it does so from the host's own network, where there are services that no container reaches, and
// its errors tell what they answered.
namespace rules {

/// A host that the engine is to connect to.
struct DialTarget {
    std::string host;  ///< lower case; an address in general spelling, without brackets; a name without its last dot
    std::string name;  ///< the same as it is looked up: with a last dot no search domain is tried
    std::string port;  ///< empty: that of the protocol
    std::string text;  ///< as a profile lists it: `registry:5000`, `[::1]:5000`

    bool is_hub() const { return text == "docker.io" || text == "index.docker.io"; }  ///< the engine's own, whatever that stands for
    bool is_address() const { return parse_address(host).has_value(); }
};

/// `host[:port]`, as the registry of a reference; 400 for what is none.
Result<DialTarget> dial_target(std::string_view text);
/// Of the `serveraddress` of a login, which may be a URL; Docker Hub when it is empty. 400 for what can be read in two ways.
Result<DialTarget> login_target(std::string_view server);
/// Of an http or https URL; 400 for what can be read in two ways.
Result<DialTarget> url_target(std::string_view url);

/// What is known when the engine is about to connect.
struct DialFacts {
    std::vector<Address> addresses = {};  ///< that the target's name stands for; none: nobody here knows it
    std::vector<Address> of_host = {};    ///< of its devices
    std::vector<Range> of_others = {};    ///< networks of the engine that are not the job's
    std::vector<Range> of_job = {};       ///< the job's networks: its containers, and the gateway where its published ports are
};

/// Whether somebody has to say which addresses `target` stands for, and which are whose, before `may_dial` can judge it.
bool needs_facts(const DialTarget& target, const Profile& profile);

/// Whether the engine may connect to `target` for a job under `profile`; 403 otherwise, with `field` as what named it. Every address that
/// the name stands for must pass. A name that nobody here knows is for the engine to look up, where the profile lists its registry.
Result<void> may_dial(const DialTarget& target, const DialFacts& facts, const Profile& profile, const std::string& field);

}  // namespace rules
