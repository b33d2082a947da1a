#include "rules/dockerfile.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "rules/dockerfile_lines.h"

namespace rules {
namespace {

constexpr std::string_view way_of_source =
    "write the image plainly, without quotes, escapes or variables, or name it as a stage: FROM <image> AS <name>";

using Bases = Result<std::vector<Base>>;

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

class Scanner {
public:
    Scanner(const Json& build_args, std::string_view target) : build_args_(build_args), target_(lower(target)) {}

    Result<void> line(const Line& line)
    {
        line_ = &line;
        return instruction(line.text, false);
    }

    std::vector<Base> take() &&
    {
        if (ends_at_target_ && !in_target()) bases_.resize(bases_at_target_);
        return std::move(bases_);
    }

private:
    Result<void> instruction(std::string_view text, bool in_onbuild)
    {
        text = trim_right(trim_left(text));
        const std::string_view original = text;
        const std::string_view word = take_word(text);
        if (std::ranges::any_of(word, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
            return odd("Dockerfile", word, "instructions are written in ASCII");
        const std::string verb = lower(word);
        if ((verb == "run" || verb == "copy" || verb == "add" || verb == "onbuild") && may_be_heredoc(original))
            return odd(verb, original,
                       "here-documents need BuildKit: write the text to a file of the context and COPY it");
        if (in_onbuild && (verb == "from" || verb.starts_with("--")))
            return odd("ONBUILD", original, "a trigger is one instruction other than FROM");
        if (verb == "onbuild") return in_onbuild ? Result<void>() : instruction(text, true);
        if (verb == "from") return from(text);
        if (verb == "copy" || verb == "add") return copy(text, in_onbuild);
        if (verb == "arg" && !in_onbuild && !in_stage_) return global_arg(text);
        return {};
    }

    bool in_target() const { return !target_.empty() && current_ == target_; }

    /// `word`, in the line's own text, names the image `name`.
    void base(std::string name, std::string_view word)
    {
        const std::string_view whole = line_->text;
        const auto at = static_cast<std::size_t>(word.data() - whole.data());
        bases_.push_back({std::move(name), line_->begin, line_->end, std::string(whole.substr(0, at)),
                          std::string(whole.substr(at + word.size()))});
    }

    /// Takes the words that begin with `--` off `text`.
    static Result<std::vector<std::string_view>> flags(std::string_view verb, std::string_view& text)
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

    Result<void> copy(std::string_view text, bool in_onbuild)
    {
        const auto given = flags("COPY", text);
        if (!given) return tl::unexpected(given.error());
        bool seen = false;
        for (const std::string_view flag : *given) {
            if (!lower(flag).starts_with("--from=")) continue;
            if (std::exchange(seen, true)) return bad_request("Duplicate flag specified: from");
            const std::string_view source = flag.substr(7);
            if (source.find('$') != source.npos) return odd("COPY --from", source, way_of_source);
            const bool index = source.size() < 10 && source.find_first_not_of("0123456789") == source.npos;
            // What a trigger copies from is judged when it runs: in a build that rests on the image.
            if (!index && !in_onbuild && !complete_.contains(lower(source))) base(std::string(source), source);
        }
        return {};
    }

    Result<void> from(std::string_view text)
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
        if (in_target()) {
            // Of several stages with that name the last: all that an engine might build is looked at.
            ends_at_target_ = true;
            bases_at_target_ = bases_.size();
        }
        // Only now is the stage before this one something that can be copied from.
        if (!current_.empty()) complete_.insert(std::exchange(current_, {}));
        in_stage_ = true;
        const Result<std::string> name = expand(words[0], "FROM");
        if (!name) return tl::unexpected(name.error());
        if (name->empty()) return bad_request("base name (" + std::string(words[0]) + ") should not be blank");
        if (!complete_.contains(lower(*name)) && *name != "scratch") base(*name, words[0]);
        if (words.size() == 3) current_ = lower(words[2]);
        return {};
    }

    /// An ARG before the first FROM: the only variables that FROM knows.
    Result<void> global_arg(std::string_view text)
    {
        constexpr std::string_view way_out =
            "before the first FROM write one ARG NAME=value a line, the value plain or in quotes";
        if (const auto given = flags("ARG", text); !given || !given->empty()) return odd("ARG", text, way_out);
        text = trim_right(trim_left(text));
        const std::size_t equals = text.find('=');
        const std::string_view name = text.substr(0, equals);
        if (name.empty() || name.find_first_not_of(name_characters) != name.npos) return odd("ARG", text, way_out);
        if (equals == text.npos) {
            args_.erase(std::string(name));
            if (const auto given = given_value(name)) args_[std::string(name)] = *given;
            return {};
        }
        std::string_view value = text.substr(equals + 1);
        char quote = 0;
        if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
            quote = value.front();
            value = value.substr(1, value.size() - 2);
        }
        const bool spaced =
            quote != 0 && std::ranges::all_of(value, [](char c) { return c == ' ' || is_plain({&c, 1}); });
        if (!spaced && !is_plain(value)) return odd("ARG", text, way_out);
        Result<std::string> expanded = quote == '\'' ? Result<std::string>(std::string(value)) : expand(value, "ARG");
        const auto given = given_value(name);
        if (!expanded && !given) return tl::unexpected(expanded.error());
        args_[std::string(name)] = given ? *given : *expanded;
        return {};
    }

    std::optional<std::string> given_value(std::string_view name) const
    {
        if (!build_args_.is_object()) return std::nullopt;
        const auto found = build_args_.find(name);
        return found != build_args_.end() && found->is_string() ? std::optional(found->get<std::string>())
                                                                : std::nullopt;
    }

    std::string value_of(const std::string& name) const
    {
        if (const auto found = args_.find(name); found != args_.end()) return found->second;
        constexpr std::array<std::string_view, 10> always = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
                                                             "FTP_PROXY",  "ftp_proxy",  "NO_PROXY",    "no_proxy",
                                                             "ALL_PROXY",  "all_proxy"};
        return std::ranges::find(always, name) != always.end() ? given_value(name).value_or("") : std::string();
    }

    /// `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}` in plain text.
    Result<std::string> expand(std::string_view text, std::string_view field) const
    {
        constexpr std::string_view way_out =
            "of variables only $NAME, ${NAME}, ${NAME:-word} and ${NAME:+word} of an ARG before the first FROM can be "
            "used";
        const std::string_view whole = text;
        std::string out;
        while (!text.empty()) {
            const std::size_t dollar = std::min(text.find('$'), text.size());
            out += text.substr(0, dollar);
            text.remove_prefix(dollar);
            if (text.empty()) break;
            text.remove_prefix(1);
            const bool braced = text.starts_with('{');
            if (braced) text.remove_prefix(1);
            const std::size_t end = std::min(text.find_first_not_of(name_characters), text.size());
            const std::string name(text.substr(0, end));
            if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return odd(field, whole, way_out);
            text.remove_prefix(end);
            std::string value = value_of(name);
            if (braced) {
                const std::size_t close = text.find('}');
                if (close == text.npos) return odd(field, whole, way_out);
                const std::string_view modifier = text.substr(0, close);
                text.remove_prefix(close + 1);
                const std::string_view word = modifier.substr(std::min<std::size_t>(2, modifier.size()));
                if (word.find_first_of("${") != word.npos) return odd(field, whole, way_out);
                if (modifier.starts_with(":-"))
                    value = value.empty() ? std::string(word) : value;
                else if (modifier.starts_with(":+"))
                    value = value.empty() ? std::string() : std::string(word);
                else if (!modifier.empty())
                    return odd(field, whole, way_out);
            }
            out += value;
        }
        return out;
    }

    static constexpr std::string_view name_characters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

    const Json& build_args_;
    std::string target_;                       ///< name of the stage that the build ends with
    bool ends_at_target_ = false;
    std::size_t bases_at_target_ = 0;
    std::map<std::string, std::string> args_;  ///< global, with a value
    std::set<std::string> complete_;           ///< names of the stages before the current one
    std::string current_;                      ///< name of the current one; empty when it has none
    bool in_stage_ = false;
    const Line* line_ = nullptr;
    std::vector<Base> bases_;
};

Bases scan(std::string_view text, const Json& build_args, std::string_view target)
{
    const auto lines = lines_of(text);
    if (!lines) return tl::unexpected(lines.error());
    Scanner scanner(build_args, target);
    for (const Line& line : *lines)
        if (const Result<void> read = scanner.line(line); !read) return tl::unexpected(read.error());
    return std::move(scanner).take();
}

}  // namespace

Bases bases_of(std::string_view text, const Json& build_args, std::string_view target)
{
    if (!build_args.is_null() && !build_args.is_object()) return bad_request("buildargs must be a JSON object");
    for (const auto& [key, value] : build_args.items())
        if (!value.is_string() && !value.is_null())
            return bad_request("the build argument " + key + " must be a string");
    return scan(text, build_args, target);
}

std::string rebased(std::string_view text, const std::vector<Base>& bases, const std::vector<std::string>& names)
{
    std::string out;
    std::size_t done = 0;
    for (std::size_t i = 0; i < bases.size(); ++i) {
        out.append(text.substr(done, bases[i].begin - done));
        out.append(bases[i].before).append(names[i]).append(bases[i].after);
        done = bases[i].end;
    }
    return out.append(text.substr(done));
}

Result<void> check_trigger(std::string_view trigger)
{
    const Bases bases = scan(trigger, Json(), {});
    if (!bases) return tl::unexpected(bases.error());
    if (bases->empty()) return {};
    return odd("ONBUILD COPY --from", bases->front().name,
               "the base image's trigger copies from an image of the engine: write that COPY into this Dockerfile, and "
               "rest on an image without the trigger");
}

}  // namespace rules
