#include "rules/views/parts.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "rules/names/names.h"

namespace rules::parts {

void replace(Json& value, std::string_view key, Json with)
{
    if (Json* member = at(value, key)) *member = std::move(with);
}

void remove(Json& value, std::string_view key)
{
    auto* members = value.get_ptr<Json::object_t*>();
    if (!members) return;
    if (const auto found = members->find(key); found != members->end()) members->erase(found);
}

void hide_pid(Json& value)
{
    // Clients ask only whether there is a process.
    if (const Json* pid = at(value, "Pid"); pid && pid->is_number() && *pid != 0) replace(value, "Pid", 1);
}

void hide_own_labels(Json& value, std::string_view key)
{
    if (auto* labels = object_at(value, key))
        std::erase_if(*labels, [](const auto& label) { return is_own_label(label.first); });
    else
        replace(value, key, nullptr);
}

void scrub_all(Json& value, std::string_view key)
{
    // Nearly no string holds a real name: look before calling scrub, which copies.
    const auto is_suspect = [](std::string_view text) { return text.find("berth.") != text.npos; };
    if (auto* text = value.get_ptr<std::string*>()) {
        if (is_suspect(*text)) *text = scrub(key, *text);
    } else if (auto* items = value.get_ptr<Json::array_t*>()) {
        for (Json& item : *items) scrub_all(item, key);
    } else if (auto* members = value.get_ptr<Json::object_t*>()) {
        Json::object_t renamed;
        for (auto member = members->begin(); member != members->end();) {
            scrub_all(member->second, key);
            if (is_suspect(member->first)) {
                renamed.insert_or_assign(scrub(key, member->first), std::move(member->second));
                member = members->erase(member);
            } else {
                ++member;
            }
        }
        members->merge(renamed);
    }
}

std::string volume_path(std::string_view name)
{
    return "/var/lib/docker/volumes/" + std::string(name) + "/_data";
}

std::optional<std::string> network_name(std::string_view text, const Lookup& job)
{
    if (const Named* own = job.by_id(Kind::network, text)) return own->name;
    return virtual_name(job.key(), text);
}

std::optional<std::string> volume_name(std::string_view text, const Lookup& job)
{
    if (const Named* own = job.by_id(Kind::volume, text)) return own->name;
    const auto name = virtual_name(job.key(), text);
    return name && is_private_volume(*name) ? std::nullopt : name;
}

std::string image_name(const std::string& text, const std::string& id, const Lookup& job)
{
    const std::vector<std::string> references = job.references_of(id);
    for (const std::string& reference : references) {
        if (reference == text) return reference;
        if (const Result<Named> image = job.image(reference); image && image->real == text) return reference;
    }
    return references.empty() ? id : references.front();
}

std::string image_of_container(const Json* labels, const std::string& text, const std::string& id, const Lookup& job)
{
    const std::string asked = labels ? text_or_empty(*labels, label_image) : std::string();
    return asked.empty() ? image_name(text, id, job) : asked;
}

bool owns_image(std::string_view id, const Lookup& job)
{
    return job.by_id(Kind::image, id) || !job.references_of(id).empty();
}

std::string builtin_id(std::string_view network, std::string_view key)
{
    // FNV-1a down to 64 bits, then splitmix64 to spread them: half the key's entropy is gone, so the id does not give
    // the key away.
    std::uint64_t state = 0xcbf29ce484222325;
    const auto mix = [&state](std::string_view text) {
        for (const char byte : text) state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    };
    mix(key);
    mix(network);
    std::string id;
    for (int word = 0; word < 4; ++word) {
        state += 0x9e3779b97f4a7c15;
        std::uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        z ^= z >> 31;
        for (int shift = 60; shift >= 0; shift -= 4) id += "0123456789abcdef"[(z >> shift) & 15];
    }
    return id;
}

namespace {

/// One step of a pattern matched against one character.
struct Step {
    bool well_formed = true;
    bool matches = false;
    std::size_t length = 0;  ///< of the step in the pattern
};

Step match_class(std::string_view pattern, char c)
{
    std::size_t i = 1;
    const bool negated = i < pattern.size() && pattern[i] == '^';
    if (negated) ++i;
    bool found = false;
    const auto next = [&]() -> std::optional<char> {
        if (i < pattern.size() && pattern[i] == '\\') ++i;
        return i < pattern.size() ? std::optional(pattern[i++]) : std::nullopt;
    };
    for (bool first = true; first || (i < pattern.size() && pattern[i] != ']'); first = false) {
        if (i < pattern.size() && (pattern[i] == ']' || pattern[i] == '-')) return {.well_formed = false};
        const std::optional<char> low = next();
        std::optional<char> high = low;
        if (i < pattern.size() && pattern[i] == '-') {
            ++i;
            high = next();
        }
        if (!low || !high) return {.well_formed = false};
        found = found || (*low <= c && c <= *high);
    }
    if (i >= pattern.size()) return {.well_formed = false};
    return {.matches = found != negated, .length = i + 1};
}

Step match_one(std::string_view pattern, char c)
{
    switch (pattern.front()) {
        case '?':
            return {.matches = c != '/', .length = 1};
        case '[':
            return match_class(pattern, c);
        case '\\':
            if (pattern.size() < 2) return {.well_formed = false};
            return {.matches = pattern[1] == c, .length = 2};
        default:
            return {.matches = pattern.front() == c, .length = 1};
    }
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text)
{
    // Going back to the last star only is enough, as in every glob: time stays below pattern times text.
    std::size_t p = 0, t = 0;
    std::optional<std::size_t> star, star_end;
    for (;;) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = ++p;
            star_end = t;
            continue;
        }
        if (p == pattern.size() && t == text.size()) return true;
        if (p < pattern.size() && t < text.size()) {
            const Step step = match_one(pattern.substr(p), text[t]);
            if (!step.well_formed) return false;
            if (step.matches) {
                p += step.length;
                ++t;
                continue;
            }
        }
        if (!star || *star_end == text.size() || text[*star_end] == '/') return false;
        p = *star;
        t = ++*star_end;
    }
}

Error odd_answer()
{
    return {502, "the engine's answer has an unexpected shape"};
}

}  // namespace rules::parts
