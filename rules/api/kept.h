#pragma once

#include <string>
#include <vector>

#include "rules/api/endpoints.h"

// What of a request may be kept and shown: one table. What is not in it is kept as its length and a hash (rules/api/redact.h).
namespace rules {

/// What may be kept of a text. A text that does not have the form is not kept at all.
enum class Keep : std::uint8_t {
    nothing,
    word,         ///< of an enumeration, or the name of an object or a user: `bridge`, `container:db`, `NET_ADMIN`, `1000:1000`
    number,       ///< with units, in lists and ranges, as a time; a boolean: `64m`, `0-3,5`, `80/tcp`, `2024-01-01T00:00:00Z`
    address,      ///< `10.0.0.0/24`, `fd00::1`, `02:42:ac:11:00:02`
    reference,    ///< of an image; none has a user or a password
    registry,     ///< a host, with its port and Docker's own paths; no user
    path,         ///< that it is absolute; of Docker's socket the whole
    device,       ///< of the host, by its path or its CDI name: `/dev/fuse`, `vendor/gpu=0`
    mount,        ///< `source:target:mode`: a volume's name, of paths what `path` says, the mode
    setting,      ///< `name`, `name=value` and `name:value`, separated by commas: known words, names, and values that are numbers or known words
    variable,     ///< `NAME=value`: the name
    instruction,  ///< of a Dockerfile: the word in front
    ps_args,      ///< what goes to `ps`
};

/// `word`, as `berth audit --kept` says it.
std::string_view keep_name(Keep keep);

/// One row: of `field` of the object `holder` (a schema's name, `?` for the query, whatever the endpoint).
struct Kept {
    std::string_view holder, field;
    Keep value;                ///< of each text in it
    Keep key = Keep::nothing;  ///< of each key, where it is a map
};

/// In whole: numbers and booleans, of whatever field has that type. In part: what is in this table. A field that is not known, or not in it: nothing.
std::span<const Kept> kept();

/// The row of a field, of a parameter; one that keeps nothing when there is none. A parameter that is a number or a boolean is kept as such.
const Kept& kept_of(const Field& field);
const Kept& kept_of(const Param& param);

/// A place where a request may have a value.
struct ValuePlace {
    const Endpoint* endpoint;
    std::string path;      ///< `HostConfig.Mounts[].Source`, `HostConfig.PortBindings{}[].HostIp`; of a parameter its name
    bool query;
    std::string_view type; ///< `text`, `text_map`; of numbers and booleans `number`, `boolean`; of a parameter that is JSON `json`
    const Kept* kept;
};

/// Every field that has no fields inside, and every parameter, of every operation.
std::vector<ValuePlace> value_places();

}  // namespace rules
