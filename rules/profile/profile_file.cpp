#include "rules/profile/profile_file.h"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include "rules/glob.h"
#include "rules/profile/knobs.h"
#include "rules/profile/toml_file.h"

namespace rules {
namespace {

/// A profile as it stands in a file, its parent not yet looked up.
struct Draft {
    struct Setting {
        const Knob* knob;
        Value value;
        std::string place;
    };
    std::string place;
    std::string extends = {};
    std::string extends_place = {};
    std::vector<Setting> settings = {};
};
using Drafts = std::map<std::string, Draft>;

/// Reads one file's text into drafts; mistakes become lines of `mistakes`.
class Reader {
public:
    Reader(std::string file, std::vector<std::string>& mistakes) : file_(std::move(file)), mistakes_(mistakes) {}

    void read(const std::string& text, Drafts& drafts, std::vector<Selection>& selections,
              std::vector<std::string>& selection_places)
    {
        try {
            const toml::table table = toml::parse(text, file_);
            for (const auto& [key, node] : table) {
                if (key.str() == "profile" && node.is_table())
                    read_profiles(*node.as_table(), drafts);
                else if (key.str() == "select" && node.is_array())
                    read_selections(*node.as_array(), selections, selection_places);
                else if (key.str() == "profile" || key.str() == "select")
                    mistake(key.source(),
                            "\"" + std::string(key.str()) + "\" is written as [profile.<name>], or as [[select]]");
                else
                    mistake(key.source(), "unknown key \"" + std::string(key.str()) + "\"" +
                                              did_you_mean(key.str(), {"profile", "select"}));
            }
        } catch (const toml::parse_error& error) {
            mistake(error.source(), std::string(error.description()));
        }
    }

private:
    void mistake(const toml::source_region& region, const std::string& what)
    {
        mistakes_.push_back(where(file_, region) + ": " + what);
    }

    void read_profiles(const toml::table& table, Drafts& drafts)
    {
        for (const auto& [key, node] : table) {
            const std::string name(key.str());
            const bool plain = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '-' || c == '.';
            });
            if (!plain) {
                mistake(key.source(), "a profile's name has 1 to 64 letters, digits and ._-");
            } else if (!node.is_table()) {
                mistake(key.source(), "profile \"" + name + "\" is written as [profile." + name + "]");
            } else if (const auto there = drafts.find(name); there != drafts.end()) {
                mistake(key.source(), "profile \"" + name + "\" is there already, at " + there->second.place);
            } else {
                Draft& draft = drafts[name];
                draft.place = where(file_, key.source());
                read_settings(*node.as_table(), "", draft);
            }
        }
    }

    void read_settings(const toml::table& table, const std::string& prefix, Draft& draft)
    {
        for (const auto& [key, node] : table) {
            const std::string path = prefix + std::string(key.str());
            if (path == "extends") {
                draft.extends = node.value<std::string>().value_or("");
                draft.extends_place = where(file_, node.source());
                if (draft.extends.empty()) mistake(node.source(), "extends must be the name of a profile");
            } else if (const Knob* knob = find_knob(path)) {
                read_setting(*knob, node, draft);
            } else if (node.is_table() && std::ranges::any_of(knobs(), [&](const Knob& each) {
                           return each.path.starts_with(path + ".");
                       })) {
                read_settings(*node.as_table(), path + ".", draft);
            } else {
                std::vector<std::string_view> known = {"extends"};
                for (const Knob& each : knobs()) known.push_back(each.path);
                mistake(key.source(), "unknown key \"" + path + "\"" + did_you_mean(path, known));
            }
        }
    }

    void read_setting(const Knob& knob, const toml::node& node, Draft& draft)
    {
        Profile scratch;
        const std::optional<Value> value = value_of(node);
        const Result<void> right =
            value ? set(scratch, knob, *value) : bad_request("it must be a plain value, or a list or table of texts");
        if (right)
            draft.settings.push_back({&knob, *value, where(file_, node.source())});
        else
            mistake(node.source(), std::string(knob.path) + ": " + right.error().message);
    }

    void read_selections(const toml::array& list, std::vector<Selection>& selections, std::vector<std::string>& places)
    {
        for (const toml::node& each : list) {
            const toml::table* table = each.as_table();
            Selection selection;
            if (!table) {
                mistake(each.source(), "a selection is written as [[select]]");
                continue;
            }
            for (const auto& [key, node] : *table) {
                const std::optional<Value> value = value_of(node);
                if (key.str() == "profile" && node.is_string())
                    selection.profile = node.as_string()->get();
                else if (key.str() == "labels" && value &&
                         std::holds_alternative<std::map<std::string, std::string>>(*value))
                    selection.labels = std::get<std::map<std::string, std::string>>(*value);
                else if (key.str() == "profile" || key.str() == "labels")
                    mistake(node.source(),
                            std::string(key.str()) + ": it must be " +
                                (key.str() == "profile" ? "a profile's name" : "a table of patterns, by label"));
                else
                    mistake(key.source(), "unknown key \"" + std::string(key.str()) + "\"" +
                                              did_you_mean(key.str(), {"profile", "labels"}));
            }
            if (!table->contains("profile")) mistake(each.source(), "a selection names its profile");
            if (!table->contains("labels"))
                mistake(each.source(),
                        "a selection has labels: to change what all other jobs get, write [profile.default]");
            selections.push_back(std::move(selection));
            places.push_back(where(file_, each.source()));
        }
    }

    std::string file_;
    std::vector<std::string>& mistakes_;
};

/// What no single key can tell.
std::string contradiction(const Profile& profile)
{
    if (!profile.runtime_forced.empty() && profile.build_allowed)
        return "runtime.forced does not hold for the steps of classic builds: set build.allowed = false";
    if (const auto &least = profile.api_version_min, &most = profile.api_version_max;
        !least.empty() && !most.empty() && least > most)
        return "api.version_min is above api.version_max";
    const auto above = [](Profile::Number given, Profile::Number most) { return most > 0 && given > most; };
    if (above(profile.container_memory, profile.container_memory_max))
        return "limits.container.memory is above limits.container.memory_max";
    if (above(profile.container_nano_cpus, profile.container_nano_cpus_max))
        return "limits.container.cpus is above limits.container.cpus_max";
    if (above(profile.container_pids, profile.container_pids_max))
        return "limits.container.pids is above limits.container.pids_max";
    if (profile.log_drivers.empty()) return "logs.drivers must name one driver: containers that ask for none get it";
    return {};
}

/// Makes profiles of drafts, each after its parent.
class Resolver {
public:
    Resolver(const Drafts& ready, const Drafts& drafts, std::vector<std::string>& mistakes)
        : ready_(ready), drafts_(drafts), mistakes_(mistakes)
    {
    }

    void resolve_all(Rulebook& book)
    {
        std::map<std::string, Profile>& profiles = book.profiles;
        for (const Drafts* each : {&drafts_, &ready_})
            for (const auto& [name, draft] : *each) {
                if (profiles.contains(name)) continue;
                std::vector<std::string> path;
                origins_.clear();
                profiles[name] = resolved(name, each == &ready_, path);
                book.origins[name] = origins_;
                if (const std::string why = contradiction(profiles[name]); !why.empty())
                    mistakes_.push_back(draft.place + ": profile \"" + name + "\": " + why);
            }
    }

private:
    /// `own`: the ready profile of that name, whatever the operator wrote.
    Profile resolved(const std::string& name, bool own, std::vector<std::string>& path)
    {
        const Draft& draft = (own ? ready_ : drafts_).at(name);
        if (!own && std::ranges::find(path, name) != path.end()) {
            mistakes_.push_back(draft.extends_place + ": profile \"" + name + "\" extends itself through \"" +
                                path.back() + "\"");
            return {};
        }
        path.push_back(name);
        Profile profile = parent_of(name, draft, own, path);
        if (profile.name != name) profile.lineage.insert(profile.lineage.begin(), profile.name);
        profile.name = name;
        for (const Draft::Setting& each : draft.settings) {
            (void)set(profile, *each.knob, each.value);  // checked when it was read
            origins_[std::string(each.knob->path)] = {name, each.place};
        }
        return profile;
    }

    Profile parent_of(const std::string& name, const Draft& draft, bool own, std::vector<std::string>& path)
    {
        if (own) return name == "default" ? Profile{} : resolved("default", true, path);
        const bool is_ready = ready_.contains(name);
        if (draft.extends.empty() || draft.extends == name) {
            if (is_ready) return resolved(name, true, path);
            if (draft.extends == name)
                mistakes_.push_back(draft.extends_place + ": profile \"" + name + "\" extends itself");
            return resolved("default", !drafts_.contains("default"), path);
        }
        if (drafts_.contains(draft.extends)) return resolved(draft.extends, false, path);
        if (ready_.contains(draft.extends)) return resolved(draft.extends, true, path);
        std::vector<std::string_view> known;
        for (const Drafts* each : {&ready_, &drafts_})
            for (const auto& [other, ignored] : *each) known.push_back(other);
        mistakes_.push_back(draft.extends_place + ": there is no profile \"" + draft.extends + "\" to extend" +
                            did_you_mean(draft.extends, known));
        return {};
    }

    const Drafts& ready_;
    const Drafts& drafts_;
    std::vector<std::string>& mistakes_;
    std::map<std::string, Origin, std::less<>> origins_;  ///< of the profile that is being resolved, its parents first
};

}  // namespace

const Profile* Rulebook::find(std::string_view name) const
{
    const auto found = profiles.find(std::string(name));
    return found == profiles.end() ? nullptr : &found->second;
}

const Origin* Rulebook::origin(const std::string& profile, std::string_view knob) const
{
    const auto known = origins.find(profile);
    if (known == origins.end()) return nullptr;
    const auto found = known->second.find(knob);
    return found == known->second.end() ? nullptr : &found->second;
}

const std::string& Rulebook::selected(const std::map<std::string, std::string>& labels) const
{
    static const std::string otherwise = "default";
    for (const Selection& each : selections) {
        const bool all = std::ranges::all_of(each.labels, [&](const auto& wanted) {
            const auto label = labels.find(wanted.first);
            return label != labels.end() && matches(wanted.second, label->second);
        });
        if (all) return each.profile;
    }
    return otherwise;
}

Result<Rulebook> read_rules(const std::vector<RulesText>& files)
{
    std::vector<std::string> mistakes;
    std::vector<std::string> places;
    Drafts ready, drafts;
    Rulebook book;
    Reader(ready_profiles().name, mistakes).read(ready_profiles().text, ready, book.selections, places);
    for (const RulesText& file : files) Reader(file.name, mistakes).read(file.text, drafts, book.selections, places);
    if (mistakes.empty()) Resolver(ready, drafts, mistakes).resolve_all(book);
    if (mistakes.empty())
        for (std::size_t at = 0; at < book.selections.size(); ++at)
            if (const std::string& name = book.selections[at].profile; !book.find(name)) {
                std::vector<std::string_view> known;
                for (const auto& [each, ignored] : book.profiles) known.push_back(each);
                mistakes.push_back(places[at] + ": there is no profile \"" + name + "\"" + did_you_mean(name, known));
            }
    if (mistakes.empty()) return book;
    std::string all;
    for (const std::string& each : mistakes) all += (all.empty() ? "" : "\n") + each;
    return bad_request(std::move(all));
}

}  // namespace rules
