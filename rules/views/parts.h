#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/json_parts.h"
#include "rules/names/lookup.h"

// The few translations that the views of every kind of object need.
namespace rules::parts {

/// Sets `key` where it is there already: a view never adds a field that this version of the API does not have.
void replace(Json& value, std::string_view key, Json with);
void remove(Json& value, std::string_view key);

/// `Pid`: a process id of the host becomes 1, none stays 0.
void hide_pid(Json& value);

/// Removes berth's own labels from the map `key` of `value`.
void hide_own_labels(Json& value, std::string_view key);

/// The last pass: no string and no key anywhere in `value` holds a real name afterwards.
void scrub_all(Json& value, std::string_view key);

/// `/var/lib/docker/volumes/<name>/_data`: where a Docker of the job's own would keep it.
std::string volume_path(std::string_view name);

/// The job's name of the network or volume that the engine calls `text` (its id or real name); nullopt when it is not
/// the job's.
std::optional<std::string> network_name(std::string_view text, const Lookup& job);
std::optional<std::string> volume_name(std::string_view text, const Lookup& job);

/// The job's reference for what the engine calls `text`: a private reference, a reference or an id of the image `id`.
/// Falls back to the job's first reference, then to `id` itself.
std::string image_name(const std::string& text, const std::string& id, const Lookup& job);
/// The same for a container: what its client called the image, as its `labels` tell.
std::string image_of_container(const Json* labels, const std::string& text, const std::string& id, const Lookup& job);
bool owns_image(std::string_view id, const Lookup& job);

/// The stable id under which this job sees `bridge` (until it is made), `host` or `none`: 64 hex digits.
std::string builtin_id(std::string_view network, std::string_view key);

/// Go's path.Match: `*` and `?` stop at `/`, classes, `\` quotes. A malformed pattern matches nothing.
bool glob_match(std::string_view pattern, std::string_view text);

/// 502: the engine's answer is not what the API promises.
Error odd_answer();

}  // namespace rules::parts
