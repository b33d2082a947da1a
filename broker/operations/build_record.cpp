#include "broker/operations/build_record.h"

#include <algorithm>
#include <ctime>

#include "broker/engine/images.h"
#include "broker/io/log.h"
#include "rules/api/until.h"
#include "rules/names/image_names.h"
#include "rules/names/reference.h"

namespace broker {

using rules::Json;
using rules::Kind;
using rules::Op;

BuildRecord::BuildRecord(Call& call, const rules::BuildOutput& output) : call_(call), images_(call.services.images), output_(output) {}

void BuildRecord::claim(std::vector<std::string> names)
{
    for (std::string& name : names) {
        std::string real = or_refuse(rules::real_reference(call_.job.facts.key, or_refuse(rules::parse_reference(name))));
        tags_.push_back({std::move(name), std::move(real)});
    }
}

Task<> BuildRecord::intend()
{
    Objects& objects = call_.job.objects;
    if (tags_.empty()) tags_.push_back({{}, new_building_reference(call_.job.facts.key)});
    std::vector<std::string> names;
    for (const Tag& tag : tags_) names.push_back(tag.name);
    co_await hold_before_move(call_, names);
    for (const Tag& tag : tags_) {
        if (!tag.name.empty() && objects.named(Kind::image, tag.name)) continue;
        db::Object object;
        object.kind = Kind::image;
        object.name = tag.name;
        object.real = tag.real;
        pending_.emplace_back(call_.job, co_await objects.intend(std::move(object)));
    }
}

std::vector<std::string> BuildRecord::reals() const
{
    std::vector<std::string> reals;
    for (const Tag& tag : tags_) reals.push_back(tag.real);
    return reals;
}

Task<> BuildRecord::begin(std::set<std::string> bases)
{
    began_ = std::time(nullptr) - 2;
    for (const std::string& id : bases) steps_.push_back(co_await note(id));
    bases_ = bases.size();
    const auto grown = co_await parents();
    for (const auto& [image, parent] : grown)
        if (call_.job.objects.by_id(Kind::image, image)) parents_before_.insert(parent);
}

Task<> BuildRecord::note_steps()
{
    while (steps_.size() - bases_ < output_.made().size()) steps_.push_back(co_await note(output_.made()[steps_.size() - bases_]));
}

/// `image`: an id, or its beginning. What grows from it from now on is the build's.
Task<std::int64_t> BuildRecord::note(std::string image)
{
    db::Object step;
    step.row = call_.job.objects.new_row();
    pending_.emplace_back(call_.job, step.row);
    step.kind = Kind::image;
    step.real = std::move(image);
    step.created = began_;
    co_return co_await call_.job.objects.intend(std::move(step));
}

BuildRecord::~BuildRecord()
{
    if (container_) call_.services.steps.erase(container_->real);
}

Task<> BuildRecord::note_container(std::string id)
{
    co_await try_to_end_container();
    if (container_ || !call_.services.steps.insert(id).second) co_return;
    call_.job.objects.remember(id);
    db::Object step;
    step.row = call_.job.objects.new_row();
    step.kind = Kind::container;
    step.real = std::move(id);
    container_ = step;
    co_await call_.job.objects.intend(std::move(step));
}

Task<> BuildRecord::end_container()
{
    if (!container_) co_return;
    const db::Object step = *container_;  // the build and who stops it may be at it at once
    EngineRequest removal{.op = Op::container_remove, .id = step.real};
    removal.query.set("force", "1");
    const Answer answer = co_await exchange(call_, removal);
    if (answer.ok() || answer.status == 404) co_await call_.job.objects.gone(step.row);
    call_.services.steps.erase(step.real);
    if (container_ && container_->row == step.row) container_.reset();
}

/// Where it cannot be, the job's end does it.
Task<> BuildRecord::try_to_end_container()
{
    constexpr auto limit = 30s;
    try {
        co_await within(limit, end_container());
    } catch (const std::exception& failure) {
        log::warn("the container of a build's step is left to the job's end", {{"job", call_.job.facts.id}, {"error", failure.what()}});
    }
}

Task<rules::Result<void>> BuildRecord::end(bool settled)
{
    co_await try_to_end_container();
    const auto turn = co_await call_.job.naming.hold();
    Steps steps = co_await read_steps();
    rules::Result<void> result = steps.bounded;
    for (const Tag& tag : tags_)
        if (auto recorded = co_await record_result(tag, settled, steps.bounded); !recorded) result = std::move(recorded);
    co_await record_steps(std::move(steps));
    co_return result;
}

Task<rules::Result<void>> BuildRecord::record_result(const Tag& tag, bool settled, rules::Result<void> bounded)
{
    Objects& objects = call_.job.objects;
    auto arrived = co_await images_.arrived(tag.real);
    if (arrived && !arrived->empty() && !bounded) arrived = tl::unexpected(bounded.error());
    if (const db::Object* before = row_of(tag); arrived && !arrived->empty() && before && before->id != *arrived)
        if (auto named = check_names(objects, *arrived); !named) arrived = tl::unexpected(named.error());
    if (!arrived) co_await images_.untag(tag.real);
    const db::Object* row = row_of(tag);
    if (!arrived) {
        if (row) co_await objects.gone(row->row);
        co_return tl::unexpected(arrived.error());
    }
    const std::string& id = *arrived;
    if (!row) co_return rules::Result<void>();  // taken away meanwhile by the job itself
    if (id.empty()) {
        // Cut off, the engine may still be at it: the row is looked up when the job ends.
        if (row->state == db::ObjectState::intended && settled) co_await objects.gone(row->row);
        co_return rules::Result<void>();
    }
    if (row->id != id) {
        if (row->id.empty()) {
            co_await objects.live(row->row, id);
        } else {
            db::Object moved = *row;
            moved.id = id;
            moved.origin = db::Origin::made;
            co_await objects.gone(moved.row);
            co_await objects.adopt(std::move(moved));
        }
    }
    if (call_.job.profile.image_cache == "built") call_.job.built.insert(id);
    co_await drop_nameless(call_, id);
    co_return rules::Result<void>();
}

const db::Object* BuildRecord::row_of(const Tag& tag) const
{
    if (!tag.name.empty()) return call_.job.objects.named(Kind::image, tag.name);
    for (const db::Object& each : call_.job.objects.all(Kind::image))
        if (each.real == tag.real) return call_.job.objects.at(each.row);
    return nullptr;
}

/// Steps can print any id: the job's is only what has no name and was made meanwhile. Each is bounded as the result is: what it rests on is read,
/// too.
Task<BuildRecord::Steps> BuildRecord::read_steps()
{
    Steps steps;
    for (std::size_t at = 0; at < output_.made().size(); ++at) {
        std::optional<Json> image;
        try {
            image = co_await images_.inspect(output_.made()[at]);
        } catch (const UnreadableAnswer&) {
            steps.unread.insert(at);
            steps.bounded = tl::unexpected(ImageCatalogue::too_large());
        }
        if (!image) continue;
        steps.parents.insert(image->value("Parent", ""));
        if (!is_nameless(*image) || rules::parse_date(image->value("Created", "")).value_or(0) < began_) continue;
        steps.made.insert(image->value("Id", ""));
        if (const auto config = images_.config_of(*image); !config) steps.bounded = tl::unexpected(config.error());
    }
    co_return steps;
}

/// The last steps (of a stage, or of a build that failed), which no other image has as its parent, become the job's images without a name.
Task<> BuildRecord::record_steps(Steps steps)
{
    for (const std::string& id : steps.made) {
        if (steps.parents.contains(id)) continue;
        const auto config = co_await images_.config(id);
        const EngineRequest removal{.op = Op::image_remove, .id = id};
        if (config || config.error().status == 404)
            co_await hold_nameless(call_, id);
        else
            co_await exchange(call_, removal);  // with what it grew from
    }
    co_await hold_orphans();
    for (std::size_t at = 0; at < steps_.size(); ++at) {
        if (at >= bases_ && steps.unread.contains(at - bases_))
            co_await call_.job.objects.live(steps_[at], output_.made()[at - bases_]);  // a step without an answer: the reap finds it by this row
        else
            co_await call_.job.objects.gone(steps_[at]);
    }
}

/// The images that grew from another one, with that one.
Task<std::map<std::string, std::string>> BuildRecord::parents()
{
    EngineRequest request{.op = Op::image_list};
    request.query.set("all", "1");
    std::map<std::string, std::string> found;
    const auto note = [&found](Json image) {
        if (const std::string parent = image.value("ParentId", ""); !parent.empty()) found[image.value("Id", "")] = parent;
    };
    EachElement images(note);
    co_await call_.services.engine.list(request, images);
    co_return found;
}

/// The builder may make a cached step anew, and give our image that one as its parent. The parent before has then lost its only reference:
/// it is held as an image of the job's without a name.
Task<> BuildRecord::hold_orphans()
{
    if (parents_before_.empty()) co_return;
    const auto grown = co_await parents();
    for (const auto& [image, parent] : grown) parents_before_.erase(parent);
    for (const std::string& id : parents_before_) {
        const auto image = co_await images_.inspect(id);
        if (image && is_nameless(*image)) co_await hold_nameless(call_, id);
    }
}

}  // namespace broker
