#include <algorithm>

#include "rules/dockerfile.h"
#include "rules/dockerfile_lines.h"
#include "rules/fetched_url.h"

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

/// `./` before a source says that it is of the context, whatever the rest comes to.
Result<std::string> local_source(std::string_view word, const Profile& profile)
{
    const Source source = source_of(word);
    if (source == Source::url && profile.build_remote_files) {
        if (const auto fetched = check_fetched(word, "ADD", profile); !fetched) return tl::unexpected(fetched.error());
        return std::string(word);
    }
    if (source == Source::url)
        return denied("build.remote_files", "ADD", std::string(word.substr(0, 200)),
                      "fetch it in the job and send it with the context, or in a RUN step");
    return (source == Source::unknown ? "./" : "") + std::string(word);
}

/// The sources and the target of an ADD as a JSON list.
Result<std::string> local_list(std::string_view text, const Profile& profile)
{
    Result<Json> list = parse_json(text);
    if (!list || !list->is_array() || !std::ranges::all_of(*list, [](const Json& each) { return each.is_string(); }))
        return odd("ADD", text, "write the sources and the target plainly, or as a JSON list of strings");
    bool changed = false;
    for (std::size_t at = 0; at + 1 < list->size(); ++at) {
        auto& word = (*list)[at].get_ref<std::string&>();
        Result<std::string> local = local_source(word, profile);
        if (!local) return local;
        changed = changed || *local != word;
        word = std::move(*local);
    }
    return changed ? " " + list->dump() : std::string(text);
}

/// The same as words.
Result<std::string> local_words(std::string_view text, const Profile& profile)
{
    std::string out;
    std::string_view rest = text;
    bool changed = false;
    for (std::string_view word = take_word(rest); !word.empty();) {
        const std::string_view next = take_word(rest);
        const Result<std::string> local = next.empty() ? Result<std::string>(std::string(word)) : local_source(word, profile);
        if (!local) return local;
        changed = changed || *local != word;
        out += " " + *local;
        word = next;
    }
    return changed ? out : std::string(text);
}

/// `instruction` with the sources of an ADD, or of a trigger that is one, made local.
Result<std::string> local_instruction(std::string_view instruction, const Profile& profile)
{
    std::string_view rest = trim_left(instruction);
    std::string_view word = take_word(rest);
    if (lower(word) == "onbuild") word = take_word(rest);
    if (lower(word) != "add") return std::string(instruction);
    for (std::string_view next = rest; take_word(next).starts_with("--");) rest = next;
    const bool list = trim_left(rest).starts_with('[');
    Result<std::string> words = list ? local_list(rest, profile) : local_words(rest, profile);
    if (!words) return words;
    return std::string(instruction.substr(0, static_cast<std::size_t>(rest.data() - instruction.data()))) + *words;
}

}  // namespace

Result<std::string> with_local_sources(std::string_view text, const Profile& profile)
{
    const auto lines = lines_of(text);
    if (!lines) return tl::unexpected(lines.error());
    std::string out;
    std::size_t done = 0;
    for (const Line& line : *lines) {
        const Result<std::string> local = local_instruction(line.text, profile);
        if (!local) return local;
        if (*local == line.text) continue;
        out.append(text.substr(done, line.begin - done)).append(*local);
        done = line.end;
    }
    return out.append(text.substr(done));
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
