#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "rules/names/lookup.h"
#include "rules/names/names.h"

namespace rules {

/// A job for tests: what it has stands in a list, references resolve as dockerd resolves them.
class FakeLookup : public Lookup {
public:
    static constexpr std::string_view test_key = "abcdefghijklmnopqrstuvwxyz";

    /// A full id that is easy to read: `seed` repeated up to 64 digits.
    static std::string id_of(std::string_view seed)
    {
        std::string id;
        while (id.size() < 64) id += seed;
        return id.substr(0, 64);
    }

    /// Adds an object under its real name; a network with the name `bridge` is the job's default one.
    const Named& add(Kind kind, std::string name, std::string id)
    {
        std::string real = kind == Kind::image ? name : real_name(test_key, name);
        if (kind == Kind::volume) id = real;
        return add(kind, Named{std::move(id), std::move(name), std::move(real)});
    }

    const Named& add(Kind kind, Named object) { return objects_.emplace_back(kind, std::move(object)).second; }

    void remove(Kind kind, std::string_view id)
    {
        std::erase_if(objects_, [&](const auto& each) { return each.first == kind && each.second.id == id; });
    }

    std::string_view key() const override { return test_key; }

    Result<Named> container(std::string_view reference) const override
    {
        if (const Named* found = resolve(Kind::container, reference.substr(reference.starts_with('/')))) return *found;
        return not_found("No such container: " + std::string(reference));
    }

    Result<Named> network(std::string_view reference) const override
    {
        if (const Named* found = resolve(Kind::network, reference == "default" ? "bridge" : reference)) return *found;
        return not_found("network " + std::string(reference) + " not found");
    }

    Result<Named> volume(std::string_view name) const override
    {
        if (const Named* found = find(Kind::volume, [&](const Named& each) { return each.name == name; }))
            return *found;
        return not_found("get " + std::string(name) + ": no such volume");
    }

    Result<Named> image(std::string_view reference) const override
    {
        std::string wanted(reference);
        const bool bare = wanted.find_first_of(":@", wanted.rfind('/') + 1) == std::string::npos;
        for (const std::string& spelling : {wanted, wanted + ":latest", "sha256:" + wanted})
            if (const Named* found =
                    find(Kind::image, [&](const Named& each) { return each.name == spelling || each.id == spelling; }))
                return *found;
        return not_found("No such image: " + wanted + (bare ? ":latest" : ""));
    }

    Result<Named> exec(std::string_view id) const override
    {
        if (const Named* found = by_id(Kind::exec, id)) return *found;
        return not_found("No such exec instance: " + std::string(id));
    }

    const Named* by_id(Kind kind, std::string_view id) const override
    {
        return find(kind, [&](const Named& each) { return each.id == id; });
    }

    std::vector<std::string> references_of(std::string_view image_id) const override
    {
        std::vector<std::string> references;
        for (const auto& [kind, each] : objects_)
            if (kind == Kind::image && each.id == image_id && !each.name.empty()) references.push_back(each.name);
        return references;
    }

    bool is_pulled(std::string_view reference) const override { return pulled.contains(std::string(reference)); }

    bool is_pushed(std::string_view reference, std::int64_t moment) const override
    {
        const auto found = pushed.find(std::string(reference));
        return found != pushed.end() && found->second == moment;
    }

    std::set<std::string> pulled;
    std::map<std::string, std::int64_t> pushed;  ///< when

private:
    const Named* find(Kind kind, const std::function<bool(const Named&)>& matches) const
    {
        for (const auto& [its_kind, each] : objects_)
            if (its_kind == kind && matches(each)) return &each;
        return nullptr;
    }

    const Named* resolve(Kind kind, std::string_view reference) const
    {
        if (const Named* found = by_id(kind, reference)) return found;
        if (const Named* found = find(kind, [&](const Named& each) { return each.name == reference; })) return found;
        if (reference.empty()) return nullptr;
        const auto starts = [&](const auto& each) {
            return each.first == kind && each.second.id.starts_with(reference);
        };
        if (std::ranges::count_if(objects_, starts) != 1) return nullptr;
        return &std::ranges::find_if(objects_, starts)->second;
    }

    std::deque<std::pair<Kind, Named>> objects_;
};

}  // namespace rules
