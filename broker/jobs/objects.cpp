#include "broker/jobs/objects.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>

#include "rules/names/names.h"
#include "rules/names/reference.h"

namespace broker {
namespace {

using db::ObjectState;
using rules::Kind;
using rules::Named;
using rules::Result;

constexpr std::size_t pushes_max = 1000;

std::int64_t nanoseconds_now()
{
    return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool was_asked_for(const db::Object& object)
{
    switch (object.kind) {
    case Kind::network: return object.name != "bridge";
    case Kind::volume: return !rules::is_private_volume(object.name);
    case Kind::container:
    case Kind::image: return !object.name.empty();
    default: return true;
    }
}

}  // namespace

Objects::Objects(std::string key, db::Store& store, std::int64_t& next_row) : key_(std::move(key)), store_(store), next_row_(next_row) {}

void Objects::restore(std::vector<db::Object> rows)
{
    for (db::Object& row : rows) put(std::move(row));
}

void Objects::put(db::Object object)
{
    erase(object.row);
    const std::int64_t row = object.row;
    if (!object.id.empty()) by_id_.emplace(std::pair(object.kind, object.id), row);
    if (!object.name.empty()) by_name_.emplace(std::pair(object.kind, object.name), row);
    if (was_asked_for(object)) ++requested_.at(static_cast<std::size_t>(object.kind));
    Named named{object.id, object.name, object.real};
    rows_.emplace(row, Entry{std::move(object), std::move(named)});
}

void Objects::unindex(Index& index, Kind kind, const std::string& text, std::int64_t row)
{
    const auto [first, last] = index.equal_range(std::pair(kind, text));
    const auto found = std::find_if(first, last, [row](const auto& each) { return each.second == row; });
    if (found != last) index.erase(found);
}

void Objects::erase(std::int64_t row)
{
    const auto found = rows_.find(row);
    if (found == rows_.end()) return;
    const db::Object& object = found->second.object;
    unindex(by_id_, object.kind, object.id, row);
    unindex(by_name_, object.kind, object.name, row);
    if (was_asked_for(object)) --requested_.at(static_cast<std::size_t>(object.kind));
    rows_.erase(found);
}

Task<std::int64_t> Objects::intend(db::Object object)
{
    if (object.row == 0) object.row = new_row();
    object.job = key_;
    object.state = ObjectState::intended;
    if (object.created == 0) object.created = std::time(nullptr);
    put(object);
    co_await store_.write([object](db::Ledger& ledger) { ledger.put(object); });
    co_return object.row;
}

Task<> Objects::live(std::int64_t row, std::string id)
{
    const auto found = rows_.find(row);
    if (found == rows_.end()) co_return;
    db::Object object = found->second.object;
    object.id = id;
    object.state = ObjectState::live;
    put(std::move(object));
    co_await store_.write([row, id](db::Ledger& ledger) { ledger.set_live(row, id); });
}

Task<> Objects::adopt(db::Object object)
{
    object.row = ++next_row_;
    object.job = key_;
    object.state = ObjectState::live;
    if (object.created == 0) object.created = std::time(nullptr);
    put(object);
    co_await store_.write([object](db::Ledger& ledger) { ledger.put(object); });
}

Task<> Objects::adopt_volumes(std::string id, rules::Json inspect)
{
    const auto is_of_anchor = [this](const std::string& volume) {
        return std::ranges::any_of(
            paths_.mounts, [&](const rules::PathMount& each) { return each.root == rules::PathMount::Root::volume && each.source == volume; });
    };
    const auto mounts = inspect.find("Mounts");
    if (mounts == inspect.end() || !mounts->is_array()) co_return;
    for (const rules::Json& mount : *mounts) {
        if (mount.value("Type", "") != "volume") continue;
        const std::string name = mount.value("Name", "");
        // Only those have ids as names. The anchor's own volumes are not the job's to remove, whatever they are called.
        if (!rules::looks_like_id(name) || by_id(rules::Kind::volume, name) || is_of_anchor(name)) continue;
        db::Object volume;
        volume.kind = rules::Kind::volume;
        volume.id = volume.name = volume.real = name;
        volume.parent = id;
        co_await adopt(std::move(volume));
    }
}

Task<> Objects::rename(std::int64_t row, std::string name, std::string real)
{
    const auto found = rows_.find(row);
    if (found == rows_.end()) co_return;
    db::Object object = found->second.object;
    object.name = std::move(name);
    object.real = std::move(real);
    put(object);
    co_await store_.write([object](db::Ledger& ledger) { ledger.put(object); });
}

Task<> Objects::gone(std::int64_t row)
{
    erase(row);
    co_await store_.write([row](db::Ledger& ledger) { ledger.set_state(row, ObjectState::gone); });
}

void Objects::forget(std::int64_t row)
{
    erase(row);
    store_.enqueue([row](db::Ledger& ledger) { ledger.set_state(row, ObjectState::gone); });
}

void Objects::remember(std::string id)
{
    db::Object object;
    object.row = ++next_row_;
    object.job = key_;
    object.kind = Kind::container;
    object.state = db::ObjectState::gone;
    object.id = std::move(id);
    object.created = std::time(nullptr);
    store_.enqueue([object](db::Ledger& ledger) { ledger.put(object); });
}

void Objects::destroyed(Kind kind, const std::string& id)
{
    const db::Object* object = with_id(kind, id);
    if (!object) return;
    forget(object->row);
    if (kind != Kind::container) return;
    std::vector<std::int64_t> execs;
    for (const auto& [row, entry] : rows_)
        if (entry.object.kind == Kind::exec && entry.object.parent == id) execs.push_back(row);
    for (const std::int64_t row : execs) forget(row);
}

const Objects::Entry* Objects::live_by_name(Kind kind, std::string_view name) const
{
    const auto [first, last] = by_name_.equal_range(std::pair(kind, std::string(name)));
    for (auto each = first; each != last; ++each)
        if (const Entry& entry = rows_.at(each->second); entry.object.state == ObjectState::live) return &entry;
    return nullptr;
}

const Objects::Entry* Objects::live_by_id(Kind kind, std::string_view id) const
{
    const auto found = by_id_.find(std::pair(kind, std::string(id)));
    return found == by_id_.end() ? nullptr : &rows_.at(found->second);
}

void Objects::begin_push(std::string reference)
{
    if (pushes_.size() >= pushes_max) pushes_.pop_front();
    pushes_.push_back({std::move(reference), nanoseconds_now(), std::numeric_limits<std::int64_t>::max()});
}

void Objects::end_push(std::string_view reference)
{
    // Newest first: earlier entries of the same name are pushes that are over.
    const auto push = std::ranges::find(pushes_.rbegin(), pushes_.rend(), reference, &Push::reference);
    if (push != pushes_.rend()) push->end = nanoseconds_now();
}

const db::Object* Objects::named(Kind kind, std::string_view name) const
{
    const auto found = by_name_.find(std::pair(kind, std::string(name)));
    return found == by_name_.end() ? nullptr : &rows_.at(found->second).object;
}

const db::Object* Objects::with_id(Kind kind, std::string_view id) const
{
    const Entry* entry = live_by_id(kind, id);
    return entry ? &entry->object : nullptr;
}

const db::Object* Objects::at(std::int64_t row) const
{
    const auto found = rows_.find(row);
    return found == rows_.end() ? nullptr : &found->second.object;
}

std::vector<db::Object> Objects::all() const
{
    std::vector<db::Object> list;
    list.reserve(rows_.size());
    for (const auto& [row, entry] : rows_) list.push_back(entry.object);
    std::ranges::sort(list, {}, &db::Object::row);
    return list;
}

std::vector<db::Object> Objects::all(Kind kind) const
{
    std::vector<db::Object> list;
    for (const auto& [row, entry] : rows_)
        if (entry.object.kind == kind) list.push_back(entry.object);
    std::ranges::sort(list, {}, &db::Object::row);
    return list;
}

std::vector<db::Object> Objects::all(Kind kind, const std::string& id) const
{
    std::vector<db::Object> list;
    const auto [first, last] = by_id_.equal_range(std::pair(kind, id));
    for (auto each = first; each != last; ++each) list.push_back(rows_.at(each->second).object);
    std::ranges::sort(list, {}, &db::Object::row);
    return list;
}

std::size_t Objects::count(Kind kind) const
{
    return static_cast<std::size_t>(std::ranges::count_if(rows_, [kind](const auto& each) { return each.second.object.kind == kind; }));
}

}  // namespace broker
