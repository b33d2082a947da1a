#include <algorithm>

#include "rules/views/list_view.h"
#include "rules/views/parts.h"

// What the engine's disk usage tells of everybody: of it what the job has.
namespace rules {

using namespace parts;

namespace {

/// The images, of which the engine counts everyone's containers.
class ImageUsage final : public ListView {
public:
    ImageUsage(std::unique_ptr<ListView> images, const std::map<std::string, std::int64_t>& made_of) : images_(std::move(images)), made_of_(made_of)
    {
    }

    std::optional<Json> show(Json element) override
    {
        std::optional<Json> seen = images_->show(std::move(element));
        if (!seen) return seen;
        const auto made = made_of_.find(text_or_empty(*seen, "Id"));
        replace(*seen, "Containers", made == made_of_.end() ? 0 : made->second);
        if (const Json* size = at(std::as_const(*seen), "Size"); size && size->is_number_integer())
            bytes_ += std::max<std::int64_t>(0, size->get<std::int64_t>());
        return seen;
    }

    std::int64_t bytes() const { return bytes_; }  ///< of those that were shown

private:
    std::unique_ptr<ListView> images_;
    const std::map<std::string, std::int64_t>& made_of_;
    std::int64_t bytes_ = 0;
};

/// The classic builder's cache is the host's images.
class NoCache final : public ListView {
public:
    std::optional<Json> show(Json) override { return std::nullopt; }
};

class Usage final : public ListsView {
public:
    // Without filters there is nothing to find wrong in them.
    Usage(const std::map<std::string, std::int64_t>& made_of, const Lookup& job, const ViewFacts& facts)
        : containers_(*container_list_view(everything_, 0, job, facts)),
          images_(*image_list_view(everything_, true, {}, job, facts), made_of),
          volumes_(*volume_list_view(everything_, unused_, job))
    {
    }

    ListView* begin(std::string_view member) override
    {
        if (member == "Containers") return containers_.get();
        if (member == "Images") return &images_;
        if (member == "Volumes") return volumes_.get();
        if (member == "BuildCache") return &cache_;
        // `type` leaves parts out: what the engine did not tell is not shown.
        has_layers_ |= member == "LayersSize";
        has_builder_ |= member == "BuilderSize";
        return nullptr;
    }

    Json::object_t rest() override
    {
        Json::object_t rest;
        if (has_layers_) rest["LayersSize"] = images_.bytes();
        if (has_builder_) rest["BuilderSize"] = 0;
        return rest;
    }

private:
    const Filters everything_{};
    const std::unordered_set<std::string> unused_{};
    std::unique_ptr<ListView> containers_;
    ImageUsage images_;
    std::unique_ptr<ListView> volumes_;
    NoCache cache_;
    bool has_layers_ = false, has_builder_ = false;
};

}  // namespace

std::unique_ptr<ListsView> usage_view(const std::map<std::string, std::int64_t>& made_of, const Lookup& job, const ViewFacts& facts)
{
    return std::make_unique<Usage>(made_of, job, facts);
}

}  // namespace rules
