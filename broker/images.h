#pragma once

#include <map>
#include <optional>
#include <string>

#include "broker/engine.h"
#include "rules/image_names.h"

namespace broker {

/// The engine's images, as all jobs share them. Each job holds those that it has by references of its own
/// (rules/image_names.h): what no reference holds any longer, the engine removes by itself.
class Images {
public:
    explicit Images(Engine& engine) : engine_(engine) {}

    /// The engine's inspect of an image id or reference; nullopt when it has none.
    Task<std::optional<rules::Json>> inspect(const std::string& reference);
    /// The Config that the image `id` brings into its containers, read once; 404 when the engine no longer has it.
    Task<rules::Result<rules::Json>> config(const std::string& id);

    /// The image `id` (or what `id` refers to) under `real` as well, which has a tag.
    Task<Answer> tag(const std::string& id, const std::string& real);
    /// Takes the reference `real` away, and the image when it was the last.
    Task<Answer> untag(const std::string& real);

private:
    Engine& engine_;
    std::map<std::string, rules::Json> configs_;
};

/// Takes the reference `real` of an image away. A stopped container on it is no obstacle to losing a name.
EngineRequest untag_request(const std::string& real);

/// True when an inspected image has neither tag nor digest.
bool is_nameless(const rules::Json& image);

}  // namespace broker
