#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "rules/json.h"
#include "rules/names/lookup.h"

// What the views share: reading JSON whose shape nobody promised (a wrong type counts as absent, nothing throws), and
// the few translations that every kind of object needs.
namespace rules::parts {

/// The member `key`; nullptr when `value` is no object or has none.
const Json* at(const Json& value, std::string_view key);
Json* at(Json& value, std::string_view key);
/// The member `key` when it is a string (an object, a list), else nullptr.
const std::string* text_at(const Json& value, std::string_view key);
Json::object_t* object_at(Json& value, std::string_view key);
Json::array_t* list_at(Json& value, std::string_view key);
/// A member that a view rewrites, and what it has to be for that.
struct Member {
    std::string_view key;
    Json::value_t type;
};
/// Each of `members` is absent, null or of its type: else the view would miss what is in it, and there is none.
bool has_shape(const Json& value, std::initializer_list<Member> members);
/// The string member `key`, or "".
std::string text_or_empty(const Json& value, std::string_view key);

/// Sets `key` where it is there already: a view never adds a field that this version of the API does not have.
void replace(Json& value, std::string_view key, Json with);
void remove(Json& value, std::string_view key);

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
