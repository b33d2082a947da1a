#include <algorithm>

#include "broker/jobs/objects.h"
#include "rules/names/names.h"
#include "rules/names/reference.h"

// What a job's references stand for, in dockerd's order and with its words for what is not there.
namespace broker {
namespace {

using rules::Kind;
using rules::Named;
using rules::Result;

bool is_hex(std::string_view text)
{
    return !text.empty() && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

std::pair<const Objects::Entry*, int> Objects::live_by_prefix(Kind kind, std::string_view prefix) const
{
    std::pair<const Entry*, int> result{nullptr, 0};
    const std::string* last = nullptr;
    for (auto each = by_id_.lower_bound(std::pair(kind, std::string(prefix))); each != by_id_.end(); ++each) {
        const auto& [found_kind, id] = each->first;
        if (found_kind != kind || !id.starts_with(prefix) || result.second == 2) break;
        if (last && *last == id) continue;
        last = &id;
        result.first = &rows_.at(each->second);
        ++result.second;
    }
    return result;
}

Result<Named> Objects::container(std::string_view reference) const
{
    std::string_view name = reference;
    if (name.starts_with('/')) name.remove_prefix(1);
    if (const Entry* entry = live_by_id(Kind::container, reference)) return entry->named;
    if (const Entry* entry = live_by_name(Kind::container, name)) return entry->named;
    if (is_hex(reference)) {
        const auto [entry, matches] = live_by_prefix(Kind::container, reference);
        if (matches == 1) return entry->named;
        if (matches > 1) return rules::bad_request("multiple IDs found with provided prefix: " + std::string(reference));
    }
    return rules::not_found("No such container: " + std::string(reference));
}

Result<Named> Objects::network(std::string_view reference) const
{
    if (const Entry* entry = live_by_id(Kind::network, reference)) return entry->named;
    if (const Entry* entry = live_by_name(Kind::network, reference == "default" ? "bridge" : reference)) return entry->named;
    if (is_hex(reference)) {
        const auto [entry, matches] = live_by_prefix(Kind::network, reference);
        if (matches == 1) return entry->named;
        if (matches > 1) return rules::bad_request("network " + std::string(reference) + " is ambiguous (2 matches found based on ID prefix)");
    }
    return rules::not_found("network " + std::string(reference) + " not found");
}

Result<Named> Objects::volume(std::string_view name) const
{
    if (const Entry* entry = live_by_name(Kind::volume, name); entry && !rules::is_private_volume(name)) return entry->named;
    return rules::not_found("get " + std::string(name) + ": no such volume");
}

Result<Named> Objects::image(std::string_view text) const
{
    const auto absent = [&](std::string_view shown) { return rules::not_found("No such image: " + std::string(shown)); };
    if (const auto id = rules::full_image_id(text)) {
        const Entry* entry = live_by_id(Kind::image, *id);
        return entry ? Result<Named>(entry->named) : absent(*id);
    }
    const auto reference = rules::parse_reference(text);
    if (reference)
        if (const Entry* entry = live_by_name(Kind::image, reference->held())) return entry->named;
    std::string_view hex = text;
    if (hex.starts_with("sha256:")) hex.remove_prefix(7);
    if (is_hex(hex)) {
        const auto [entry, matches] = live_by_prefix(Kind::image, "sha256:" + std::string(hex));
        if (matches == 1) return entry->named;
    }
    if (!reference) return tl::unexpected(reference.error());
    return absent(reference->familiar_tagged());
}

Result<Named> Objects::exec(std::string_view id) const
{
    if (const Entry* entry = live_by_id(Kind::exec, id)) return entry->named;
    return rules::not_found("No such exec instance: " + std::string(id));
}

const Named* Objects::by_id(Kind kind, std::string_view id) const
{
    const Entry* entry = live_by_id(kind, id);
    if (entry && kind == Kind::volume && rules::is_private_volume(entry->named.name)) return nullptr;
    return entry ? &entry->named : nullptr;
}

std::vector<std::string> Objects::references_of(std::string_view image_id) const
{
    std::vector<std::string> references;
    const auto [first, last] = by_id_.equal_range(std::pair(Kind::image, std::string(image_id)));
    for (auto each = first; each != last; ++each)
        if (const db::Object& object = rows_.at(each->second).object; !object.name.empty()) references.push_back(object.name);
    std::ranges::sort(references);
    return references;
}

bool Objects::is_pulled(std::string_view reference) const
{
    const db::Object* object = named(Kind::image, reference);
    return object && object->origin == db::Origin::pulled;
}

bool Objects::is_pushed(std::string_view reference, std::int64_t moment) const
{
    return std::ranges::any_of(pushes_, [&](const Push& each) { return each.reference == reference && each.begin <= moment && moment <= each.end; });
}

Result<Named> Objects::resolve(Kind kind, std::string_view reference) const
{
    switch (kind) {
    case Kind::container: return container(reference);
    case Kind::exec: return exec(reference);
    case Kind::network: return network(reference);
    case Kind::volume: return volume(reference);
    case Kind::image: return image(reference);
    case Kind::none: break;
    }
    return Named{};
}

}  // namespace broker
