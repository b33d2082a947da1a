#include "rules/build/image_archive.h"

#include <algorithm>

#include "rules/names/image_names.h"
#include "rules/names/names.h"

namespace rules {
namespace {

constexpr std::size_t images_max = 1000;
constexpr std::size_t layers_max = 1000;  // an engine takes 127

Error broken(const std::string& why)
{
    return {400, "the archive cannot be loaded: " + why};
}

/// The member that Go would read as `name`: nullptr when there is none. An error when Go, which folds the case of keys,
/// could take another one for it.
Result<const Json*> member(const Json& object, std::string_view name)
{
    const std::string folded = fold_key(name);
    const Json* found = nullptr;
    for (const auto& [key, value] : object.items()) {
        if (fold_key(key) != folded) continue;
        if (key != name)
            return tl::unexpected(broken("the key \"" + key + "\" is spelt \"" + std::string(name) + "\""));
        found = &value;
    }
    return found;
}

Result<std::vector<std::string>> texts(const Json& object, std::string_view name)
{
    const Result<const Json*> list = member(object, name);
    if (!list) return tl::unexpected(list.error());
    std::vector<std::string> found;
    if (!*list || (*list)->is_null()) return found;
    if (!(*list)->is_array()) return tl::unexpected(broken(std::string(name) + " is no list"));
    for (const Json& each : **list) {
        if (!each.is_string()) return tl::unexpected(broken(std::string(name) + " holds something else than text"));
        found.push_back(each.get<std::string>());
    }
    return found;
}

Result<ArchivedImage> archived_image(const Json& entry)
{
    if (!entry.is_object()) return tl::unexpected(broken("an entry of manifest.json is no object"));
    ArchivedImage image;
    const Result<const Json*> config = member(entry, "Config");
    if (!config) return tl::unexpected(config.error());
    if (!*config || !(*config)->is_string()) return tl::unexpected(broken("an image of manifest.json has no Config"));
    image.config = (*config)->get<std::string>();
    Result<std::vector<std::string>> layers = texts(entry, "Layers");
    if (!layers) return tl::unexpected(layers.error());
    if (layers->size() > layers_max) return tl::unexpected(broken("an image has too many layers"));
    image.layers = *std::move(layers);
    const Result<std::vector<std::string>> tags = texts(entry, "RepoTags");
    if (!tags) return tl::unexpected(tags.error());
    if (tags->size() > image_names_max)
        return tl::unexpected(broken("an image of manifest.json has more than " + std::to_string(image_names_max) + " tags"));
    for (const std::string& tag : *tags) {
        const Result<Reference> reference = parse_reference(tag);
        if (!reference) return tl::unexpected(reference.error());
        if (reference->tag.empty() || !reference->digest.empty()) return bad_request("invalid tag " + tag);
        image.tags.push_back(reference->familiar());
    }
    return image;
}

Json view_of_manifest(std::string_view key, Json images)
{
    for (Json& image : images) {
        Json tags = Json::array();
        const Json real = image.value("RepoTags", Json());
        if (real.is_array())
            for (const Json& each : real)
                if (each.is_string())
                    if (const auto reference = virtual_reference(key, each.get<std::string>()))
                        tags.push_back(reference->familiar());
        image["RepoTags"] = tags.empty() ? Json() : std::move(tags);
    }
    return images;
}

Json view_of_index(std::string_view key, Json index)
{
    constexpr const char* name_key = "io.containerd.image.name";
    const auto manifests = index.find("manifests");
    if (manifests == index.end() || !manifests->is_array()) return index;
    for (Json& each : *manifests) {
        const auto annotations = each.is_object() ? each.find("annotations") : each.end();
        if (!each.is_object() || annotations == each.end() || !annotations->is_object()) continue;
        const std::string real = annotations->value(name_key, "");
        if (const auto reference = virtual_reference(key, real)) {
            (*annotations)[name_key] = reference->domain + "/" + reference->path + ":" + reference->tag;
        } else {
            annotations->erase(name_key);
            annotations->erase("org.opencontainers.image.ref.name");
        }
        if (annotations->empty()) each.erase("annotations");
    }
    return index;
}

Json view_of_repositories(std::string_view key, const Json& repositories)
{
    Json shown = Json::object();
    for (const auto& [real, tags] : repositories.items())
        if (const auto reference = virtual_reference(key, real)) shown[reference->repository()] = tags;
    return shown;
}

}  // namespace

Result<std::vector<ArchivedImage>> archived_images(std::string_view manifest)
{
    const Result<Json> list = parse_json(manifest);
    if (!list) return tl::unexpected(broken("manifest.json: " + list.error().message));
    if (!list->is_array()) return tl::unexpected(broken("manifest.json is no list"));
    if (list->size() > images_max) return tl::unexpected(broken("manifest.json lists too many images"));
    std::vector<ArchivedImage> images;
    for (const Json& entry : *list) {
        Result<ArchivedImage> image = archived_image(entry);
        if (!image) return tl::unexpected(image.error());
        images.push_back(*std::move(image));
    }
    return images;
}

Result<std::vector<std::string>> layers_of_config(std::string_view config)
{
    const Result<Json> image = parse_json(config);
    if (!image) return tl::unexpected(broken("the config of an image: " + image.error().message));
    if (!image->is_object()) return tl::unexpected(broken("the config of an image is no object"));
    const Result<const Json*> rootfs = member(*image, "rootfs");
    if (!rootfs) return tl::unexpected(rootfs.error());
    if (!*rootfs || !(*rootfs)->is_object()) return tl::unexpected(broken("the config of an image has no rootfs"));
    return texts(**rootfs, "diff_ids");
}

std::optional<std::string> view_naming_file(std::string_view key, std::string_view file, std::string_view text)
{
    const Json read = read_json(text).value_or(Json(Json::value_t::discarded));
    Json shown;
    if (file == "manifest.json" && read.is_null())  // of an archive without images
        return std::string(text);
    if (file == "manifest.json" && read.is_array())
        shown = view_of_manifest(key, read);
    else if (file == "index.json" && read.is_object())
        shown = view_of_index(key, read);
    else if (file == "repositories" && read.is_object())
        shown = view_of_repositories(key, read);
    else
        return std::nullopt;
    return scrub(key, shown.dump());
}

}  // namespace rules
