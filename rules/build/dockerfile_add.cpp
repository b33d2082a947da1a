#include <algorithm>
#include <functional>

#include "rules/build/dockerfile.h"
#include "rules/build/dockerfile_lines.h"
#include "rules/policy/dial.h"

// ADD fetches what looks like a URL, and it is the engine that does.
namespace rules {
namespace {

enum class Source { local, url, unknown };

/// What a source may be once its variables, quotes and escapes are gone.
Source source_of(std::string_view word)
{
    const std::string_view plain = word.substr(0, word.find_first_of("$\"'\\`"));
    const std::string start = lower(plain);
    for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
        if (start.starts_with(scheme)) return Source::url;
        if (plain.size() < word.size() && scheme.starts_with(start)) return Source::unknown;
    }
    return Source::local;
}

/// What is to stand for a source.
using Rewrite = std::function<Result<std::string>(std::string_view word)>;

/// `./` before a source says that it is of the context, whatever the rest comes to.
Result<std::string> local_source(std::string_view word, const Profile& profile)
{
    const Source source = source_of(word);
    if (source == Source::unknown) return "./" + std::string(word);
    if (source == Source::local) return std::string(word);
    if (!profile.build_remote_files)
        return denied("build.remote_files", "ADD", std::string(word.substr(0, 200)),
                      "fetch it in the job and send it with the context, or in a RUN step");
    const auto target = url_target(word);
    return target ? Result<std::string>(std::string(word)) : tl::unexpected(target.error());
}

/// The sources and the target of an ADD as a JSON list.
Result<std::string> rewritten_list(std::string_view text, const Rewrite& rewrite)
{
    Result<Json> list = parse_json(text);
    if (!list || !list->is_array() || !std::ranges::all_of(*list, [](const Json& each) { return each.is_string(); }))
        return odd("ADD", text, "write the sources and the target plainly, or as a JSON list of strings");
    bool changed = false;
    for (std::size_t at = 0; at + 1 < list->size(); ++at) {
        auto& word = (*list)[at].get_ref<std::string&>();
        Result<std::string> local = rewrite(word);
        if (!local) return local;
        changed = changed || *local != word;
        word = std::move(*local);
    }
    return changed ? " " + list->dump() : std::string(text);
}

/// The same as words.
Result<std::string> rewritten_words(std::string_view text, const Rewrite& rewrite)
{
    std::string out;
    std::string_view rest = text;
    bool changed = false;
    for (std::string_view word = take_word(rest); !word.empty();) {
        const std::string_view next = take_word(rest);
        const Result<std::string> local = next.empty() ? Result<std::string>(std::string(word)) : rewrite(word);
        if (!local) return local;
        changed = changed || *local != word;
        out += " " + *local;
        word = next;
    }
    return changed ? out : std::string(text);
}

/// `instruction` with the sources of an ADD, or of a trigger that is one, as `rewrite` has them.
Result<std::string> rewritten_instruction(std::string_view instruction, const Rewrite& rewrite)
{
    std::string_view rest = trim_left(instruction);
    std::string_view word = take_word(rest);
    if (lower(word) == "onbuild") word = take_word(rest);
    if (lower(word) != "add") return std::string(instruction);
    for (std::string_view next = rest; take_word(next).starts_with("--");) rest = next;
    const bool list = trim_left(rest).starts_with('[');
    Result<std::string> words = list ? rewritten_list(rest, rewrite) : rewritten_words(rest, rewrite);
    if (!words) return words;
    return std::string(instruction.substr(0, static_cast<std::size_t>(rest.data() - instruction.data()))) + *words;
}

/// The same for every instruction of `text`.
Result<std::string> rewritten(std::string_view text, const Rewrite& rewrite)
{
    const auto lines = lines_of(text);
    if (!lines) return tl::unexpected(lines.error());
    std::string out;
    std::size_t done = 0;
    for (const Line& line : *lines) {
        const Result<std::string> changed = rewritten_instruction(line.text, rewrite);
        if (!changed) return changed;
        if (*changed == line.text) continue;
        out.append(text.substr(done, line.begin - done)).append(*changed);
        done = line.end;
    }
    return out.append(text.substr(done));
}

}  // namespace

Result<std::string> with_local_sources(std::string_view text, const Profile& profile)
{
    return rewritten(text, [&profile](std::string_view word) { return local_source(word, profile); });
}

Result<std::vector<DialTarget>> fetched_targets(std::string_view text, const BaseImages& images)
{
    std::vector<DialTarget> targets;
    const auto note = [&targets](std::string_view word) -> Result<std::string> {
        if (source_of(word) != Source::url) return std::string(word);
        auto target = url_target(word);
        if (!target) return tl::unexpected(target.error());
        if (std::ranges::find(targets, target->text, &DialTarget::text) == targets.end()) targets.push_back(std::move(*target));
        if (targets.size() > bases_max) return bad_request("ADD names more than " + std::to_string(bases_max) + " hosts");
        return std::string(word);
    };
    if (const auto read = rewritten(text, note); !read) return tl::unexpected(read.error());
    for (const auto& [name, image] : images)
        for (const std::string& trigger : image.triggers)
            if (const auto read = rewritten(trigger, note); !read) return tl::unexpected(read.error());
    return targets;
}

Result<void> check_trigger_sources(std::string_view trigger, const Profile& profile)
{
    const Result<std::string> local = with_local_sources(trigger, profile);
    if (!local) return tl::unexpected(local.error());
    if (*local == trigger) return {};
    return denied("build.remote_files", "ONBUILD ADD", std::string(trigger.substr(0, 200)),
                  "the base image's trigger adds what may be any URL: write that ADD into this Dockerfile, and rest on an image without the trigger");
}

}  // namespace rules
