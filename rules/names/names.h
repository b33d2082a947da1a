#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/model.h"
#include "rules/result.h"

namespace rules {

/// A job's internal identity: 26 characters of base32 (a-z2-7), random, never used twice. Its fixed length keeps real names unambiguous.
inline constexpr std::size_t key_length = 26;

/// The engine's name of what the job `key` calls `name`: `berth.<key>.<name>`, bytes outside [A-Za-z0-9_.-] written `~XX`.
/// Injective; `virtual_name` is its inverse.
std::string real_name(std::string_view key, std::string_view name);

/// The job's name of the engine's `real`; nullopt when `real` is not a name of this job. A leading `/` is ignored.
std::optional<std::string> virtual_name(std::string_view key, std::string_view real);

/// How every real name and every label of berth's own begins.
inline constexpr std::string_view real_prefix = "berth.";

/// The key in `real`, a real name or the engine's reference of an image of some job; nullopt when it is neither.
std::optional<std::string> key_of(std::string_view real);

/// True for a text with a real name of some job in it. No job gives such a name to anything: the views show real names as virtual ones, and it
/// would be shown as another's.
bool holds_real_name(std::string_view text);

/// 12 to 64 lower-case hex digits: dockerd would confuse such a name with an id.
bool looks_like_id(std::string_view name);

/// The name a client asks for a new object of `kind`, checked with dockerd's own rules and words; a container's leading `/` is dropped. 400 for one
/// that is reserved: with a real name in it, or that could be an id.
Result<std::string> checked_name(Kind kind, std::string_view name);

/// `text` without any real name: this job's become virtual names; another job's become `(another job's object)`.
/// `full`: images by their full names, as BuildKit has them (`docker.io/library/app:1`).
std::string scrub(std::string_view key, std::string_view text, bool full = false);

/// The labels under which berth records an object, for people and for recovery. Never authority.
inline constexpr std::string_view label_job = "berth.job";
inline constexpr std::string_view label_key = "berth.key";
inline constexpr std::string_view label_profile = "berth.profile";
/// What the client called the image of a container: the engine is given its id, and the views show this text again.
inline constexpr std::string_view label_image = "berth.image";
/// What its client asked to be mounted, when berth sent something else for it (rules/bodies/parts.h: PathMounts): the views show this again.
inline constexpr std::string_view label_mounts = "berth.mounts";

/// The virtual name of the volume that stands for the host's `directory`.
std::string root_volume_name(std::string_view directory);
/// True for the virtual name of a volume that berth made for itself: no job can name it so, nor sees it.
inline bool is_private_volume(std::string_view name) { return name.starts_with('_'); }

/// True for a label key in berth's own space: `berth.*`, in any case, after trimming blanks.
bool is_own_label(std::string_view label);

}  // namespace rules
