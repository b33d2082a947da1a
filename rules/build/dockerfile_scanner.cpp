#include "rules/build/dockerfile_scanner.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace rules {
namespace {

constexpr std::string_view way_of_source =
    "write the image plainly, without quotes, escapes or variables, or name it as a stage: FROM <image> AS <name>";

/// A line may begin a here-document: then an engine that knows them takes the lines that follow as its text, and others
/// as instructions.
bool may_be_heredoc(std::string_view line)
{
    for (std::size_t at = 0; (at = line.find("<<", at)) != line.npos;) {
        const std::size_t end = std::min(line.find_first_not_of('<', at), line.size());
        std::size_t begin = at;
        while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9') --begin;
        const bool first =
            begin == 0 || is_space(line[begin - 1]) || static_cast<unsigned char>(line[begin - 1]) >= 0x80;
        if (end - at == 2 && first) return true;  // `<<<` is the shell's own
        at = end;
    }
    return false;
}

/// The number of a stage, which is never an image: the builder refuses those that are none.
bool is_index(std::string_view source)
{
    return source.size() < 10 && source.find_first_not_of("0123456789") == source.npos;
}

/// Takes the words that begin with `--` off `text`.
Result<std::vector<std::string_view>> flags(std::string_view verb, std::string_view& text)
{
    std::vector<std::string_view> found;
    for (;;) {
        std::string_view rest = text;
        const std::string_view word = take_word(rest);
        // The parser goes through the flags byte by byte, and takes these two for spaces.
        if (word.starts_with('\x85') || word.starts_with('\xA0')) return odd(verb, word, way_of_source);
        if (!word.starts_with("--")) return found;
        if (!is_plain(word) || word == "--") return odd(verb, word, way_of_source);
        found.push_back(word);
        text = rest;
    }
}

/// What COPY copies from; nullopt when it is the context.
Result<std::optional<std::string_view>> source_of_copy(std::string_view text)
{
    const auto given = flags("COPY", text);
    if (!given) return tl::unexpected(given.error());
    std::optional<std::string_view> source;
    for (const std::string_view flag : *given) {
        if (!lower(flag).starts_with("--from=")) continue;
        if (source) return bad_request("Duplicate flag specified: from");
        source = flag.substr(7);
        if (source->find('$') != source->npos) return odd("COPY --from", *source, way_of_source);
    }
    return source;
}

}  // namespace

Result<void> Scanner::read(std::string_view text)
{
    if (auto read = lines(text); !read) return read;
    if (in_target()) ends_at_target_ = false;
    if (ends_at_target_) mentions_.resize(places_before_end_);
    return {};
}

Result<void> Scanner::read_changes(std::string_view text, std::size_t longest)
{
    variables_.inherit(longest);
    begin_stage({});
    return lines(text);
}

Result<void> Scanner::lines(std::string_view text)
{
    const auto lines = lines_of(text);
    if (!lines) return tl::unexpected(lines.error());
    escape_ = *escape_of(text);  // lines_of has looked at it
    for (const Line& line : *lines) {
        line_ = &line;
        if (auto read = instruction(line.text, From::text); !read) return read;
    }
    return {};
}

Result<void> Scanner::instruction(std::string_view text, From from)
{
    text = trim_right(trim_left(text));
    const std::string_view original = text;
    const std::string_view word = take_word(text);
    if (std::ranges::any_of(word, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
        return odd("Dockerfile", word, "instructions are written in ASCII");
    const std::string verb = lower(word);
    if ((verb == "run" || verb == "copy" || verb == "add" || verb == "onbuild") && may_be_heredoc(original))
        return odd(verb, original, "here-documents need BuildKit: write the text to a file of the context and COPY it");
    if (from != From::text && (verb == "from" || verb == "onbuild" || verb.starts_with("--")))
        return odd("ONBUILD", original, "a trigger is one instruction other than FROM and ONBUILD");
    if (from != From::kept) {
        if (++instructions_ > instructions_max) return too_many_instructions(original);
        if (auto spent = variables_.spend(verb, text, escape_); !spent) return spent;
    }
    if (verb == "onbuild") return onbuild(text);
    if (verb == "from") return this->from(text);
    if (verb == "copy" || verb == "add") return copy(text, from);
    if (verb == "arg" && stages_.empty()) return variables_.declare(text);
    return {};
}

/// A trigger is read anew when it is run, as a Dockerfile of its own.
Result<void> Scanner::trigger(std::string_view text, From from)
{
    const auto lines = lines_of(text);
    if (!lines) return tl::unexpected(lines.error());
    if (lines->size() != 1) return odd("ONBUILD", text, "a trigger is one instruction");
    const char outside = std::exchange(escape_, *escape_of(text));
    auto read = instruction(lines->front().text, from);
    escape_ = outside;
    return read;
}

Result<void> Scanner::run(const std::vector<std::string>& triggers)
{
    for (const std::string& each : triggers)
        if (auto read = trigger(each, From::trigger); !read) return read;
    return {};
}

/// Those of the image `name`, which come with it.
Result<void> Scanner::run_triggers_of(const std::string& name)
{
    if (!images_) return {};
    const auto image = images_->find(name);
    if (image == images_->end()) return {};  // behind the target
    variables_.inherit(image->second.longest_variable);
    for (const std::string& each : image->second.triggers)
        if (auto local = check_trigger_sources(each, *profile_); !local) return local;
    return run(image->second.triggers);
}

Result<void> Scanner::onbuild(std::string_view text)
{
    if (auto read = trigger(text, From::kept); !read) return read;
    if (!stages_.empty()) stages_.back().triggers.emplace_back(text);
    return {};
}

Result<void> Scanner::copy(std::string_view text, From from)
{
    const auto source = source_of_copy(text);
    if (!source) return tl::unexpected(source.error());
    if (!*source || is_index(**source) || complete_.contains(lower(**source))) return {};
    // The text of a trigger goes into the image as it is, and the builder looks up what it names when it runs.
    if (from != From::text)
        return odd("ONBUILD COPY --from", **source,
                   "a trigger copies from the context, a stage that is complete, or a stage by its number; of an image copy without ONBUILD");
    place(std::string(**source), **source);
    return {};
}

Result<void> Scanner::from(std::string_view text)
{
    const auto given = flags("FROM", text);
    if (!given) return tl::unexpected(given.error());
    std::vector<std::string_view> words;
    for (std::string_view word = take_word(text); !word.empty(); word = take_word(text)) {
        if (!is_plain(word)) return odd("FROM", word, way_of_source);
        words.push_back(word);
    }
    if (words.size() != 1 && (words.size() != 3 || lower(words[1]) != "as"))
        return bad_request("FROM requires either one or three arguments");
    const Result<std::string> name = variables_.expand(words[0], "FROM");
    if (!name) return tl::unexpected(name.error());
    if (name->empty()) return bad_request("base name (" + std::string(words[0]) + ") should not be blank");

    begin_stage(words.size() == 3 ? lower(words[2]) : std::string());
    // Engines differ in the variables that FROM knows: none is left to them.
    const bool is_expanded = words[0].find('$') != words[0].npos;
    if (const auto stage = complete_.find(lower(*name)); stage != complete_.end()) {
        if (is_expanded) place(stage->first, words[0], true);
        return run(stages_[stage->second].triggers);
    }
    if (*name == "scratch") {
        if (is_expanded) place(*name, words[0], true);
        return {};
    }
    place(*name, words[0]);
    return run_triggers_of(*name);
}

void Scanner::begin_stage(std::string name)
{
    if (in_target()) {
        // Of several stages with that name the last: all that an engine might build is looked at.
        ends_at_target_ = true;
        end_ = line_->begin;
        places_before_end_ = mentions_.size();
    }
    // Only now is the stage before this one something that can be copied from.
    if (!stages_.empty() && !stages_.back().name.empty()) complete_.emplace(stages_.back().name, stages_.size() - 1);
    stages_.push_back({std::move(name), {}});
}

bool Scanner::in_target() const
{
    return !target_.empty() && !stages_.empty() && stages_.back().name == target_;
}

/// `word`, in the line's own text, names the image `name`.
void Scanner::place(std::string name, std::string_view word, bool is_stage)
{
    const std::string_view whole = line_->text;
    const auto at = static_cast<std::size_t>(word.data() - whole.data());
    mentions_.push_back({std::move(name), line_->begin, line_->end, std::string(whole.substr(0, at)), std::string(word),
                       std::string(whole.substr(at + word.size())), is_stage});
}

}  // namespace rules
