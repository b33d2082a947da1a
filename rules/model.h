#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rules {

/// What an engine keeps and a job makes.
enum class Kind : std::uint8_t { none, container, exec, network, volume, image };

/// `container`, `exec`, ...: the word used in messages, in the ledger and in JSON.
std::string_view kind_name(Kind kind);
Kind kind_of(std::string_view name);

/// An object of a job under its three identities.
struct Named {
    std::string id;    ///< the engine's full id; for a volume the real name; for an image `sha256:<64 hex>`
    std::string name;  ///< what the job calls it (virtual); for an image its familiar reference (`app:latest`)
    std::string real;  ///< what the engine calls it; for an image its reference on the engine
};

enum class Outcome : std::uint8_t {
    allowed,
    observed,  ///< a rule says no, and the profile only observes
    refused,   ///< a rule says no
    failed,    ///< no rule was asked: the request is bad, or there is no such operation
};
std::string_view outcome_name(Outcome outcome);

/// An API version, compared part by part as dockerd does.
struct Version {
    int major = 1;
    int minor = 0;
    auto operator<=>(const Version&) const = default;
};

/// `1.47`.
std::string to_string(Version version);

/// The newest API version whose every field this program knows.
inline constexpr Version newest_version{1, 51};
/// The oldest that it serves: 1.23 still took a HostConfig in the body of start.
inline constexpr Version oldest_version{1, 24};

}  // namespace rules
