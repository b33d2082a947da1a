#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "broker/engine/engine.h"
#include "db/ledger.h"
#include "rules/names/image_names.h"

namespace broker {

/// Bytes of an image's settings (labels, variables and so on) as the engine tells them: a container of it has them beside its own, and what
/// the engine tells of that must fit into answer_max.
inline constexpr std::size_t image_settings_max = std::size_t{512} << 10;

/// A public name on the engine while it stands for an image of a job, which is being pushed.
struct PushTag {
    std::string name, image;
    std::string before;  ///< what it stood for; empty: for nothing
};
/// As the ledger keeps it (db::Object::parent); nullopt for what is no such row.
std::string kept_text(const PushTag& lent);
std::optional<PushTag> push_tag_of(const db::Object& object);

/// The engine's images, as all jobs share them. Each job holds those that it has by references of its own
/// (rules/names/image_names.h): what no reference holds any longer, the engine removes by itself.
class ImageCatalogue {
public:
    explicit ImageCatalogue(Engine& engine) : engine_(engine) {}

    /// The engine's inspect of an image id or reference; nullopt when it has none.
    Task<std::optional<rules::Json>> inspect(const std::string& reference);
    /// What is judged of the Config that the image `id` brings into its containers, read once; 404 when the engine no longer has it, 413 when
    /// its settings are larger than any job may use.
    Task<rules::Result<rules::Json>> config(const std::string& id);
    /// The same of an image as `inspect` has it.
    rules::Result<rules::Json> config_of(const rules::Json& image);
    /// Why a job may not have an image.
    static rules::Error too_large();
    /// The id of what has just come under `reference` for a job; empty when nothing did, 413 as above: then the job must not have it.
    Task<rules::Result<std::string>> arrived(const std::string& reference);

    /// A public name on the engine while it is in use: by one push, or by any number of pulls.
    class Use {
    public:
        Use(int& users, int change) : users_(&users), change_(change) { *users_ += change_; }
        Use(Use&& other) noexcept : users_(std::exchange(other.users_, nullptr)), change_(other.change_) {}
        Use& operator=(Use&&) = delete;
        ~Use()
        {
            if (users_) *users_ -= change_;
        }

    private:
        int* users_;
        int change_;
    };
    /// Waits until nobody uses `name` or waits to pull it; then it is the caller's alone: it may stand for what is not public.
    Task<Use> alone_under(std::string name);
    /// The same at once, or nullopt: nobody waits.
    std::optional<Use> try_alone_under(const std::string& name);
    bool is_in_use(const std::string& name) const;
    /// Waits until `name` is nobody's alone.
    Task<Use> among_others_under(std::string name);

    /// The image `id` (or what `id` refers to) under `real` as well, which has a tag.
    Task<Answer> tag(const std::string& id, const std::string& real);
    /// Takes the reference `real` away, and the image when it was the last.
    Task<Answer> untag(const std::string& real);
    /// The name is as it was before, unless somebody on the host has meanwhile given it to another image: then it stays theirs, and the
    /// answer is a 404. `digest`: that the push gave the image; empty when it gave none.
    Task<Answer> give_back(PushTag lent, std::string digest);

private:
    rules::Result<rules::Json> kept(const std::string& id, rules::Result<rules::Json> config);

    Engine& engine_;
    std::map<std::string, rules::Result<rules::Json>> configs_;
    struct Name {
        int users = 0;    ///< how many pull, or -1 while one pushes
        int waiting = 0;  ///< to pull
    };
    std::map<std::string, Name> names_;  ///< public ones that are in use
};

/// Takes the reference `real` of an image away. A stopped container on it is no obstacle to losing a name.
EngineRequest untag_request(const std::string& real);
EngineRequest tag_request(const std::string& id, const std::string& real);

/// A reference of the job `key` that nothing else has: for what a build rests on, or what is made and gets no name.
std::string new_building_reference(const std::string& key);

/// True when an inspected image has neither tag nor digest.
bool is_nameless(const rules::Json& image);

}  // namespace broker
