#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/names/reference.h"
#include "rules/result.h"

// The engine's references of a job's images. Every image that a job has is held by at least one of them, so that the
// engine itself counts who still needs it; all of a job's begin with `berth.<key>/`, which no registry answers to.
namespace rules {

/// Names of one image that a job may give it, and names that one build or one image of an archive may ask for: the engine tells all names of
/// all jobs wherever it tells of the image.
inline constexpr std::size_t image_names_max = 100;

/// What the engine calls the job's `reference`, which has no digest: `berth.<key>/<domain>/<path>[:<tag>]`. Injective;
/// `virtual_reference` is its inverse. 400 when it would be longer than an engine takes.
Result<std::string> real_reference(std::string_view key, const Reference& reference);

/// The job's reference for the engine's `real`; nullopt when it is no such name of this job.
std::optional<Reference> virtual_reference(std::string_view key, std::string_view real);

/// Under which an image without a tag is kept for the job: `berth.<key>/image:<hex>`. `id`: `sha256:<64 hex>`.
std::string holding_reference(std::string_view key, std::string_view id);

/// A reference under which a build's result is kept until it is known: `berth.<key>/image:build-<number>`.
std::string building_reference(std::string_view key, std::int64_t number);

/// True for every reference on the engine that is this job's.
bool is_real_reference(std::string_view key, std::string_view real);

}  // namespace rules
