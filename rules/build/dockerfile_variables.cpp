#include "rules/build/dockerfile_variables.h"

#include <algorithm>
#include <array>
#include <vector>

#include "rules/build/dockerfile_lines.h"
#include "rules/text.h"

namespace rules {
namespace {

/// What Linux gives a program as one argument or variable at most (MAX_ARG_STRLEN): no step can use a longer one.
constexpr std::size_t instruction_max = std::size_t{128} << 10;
/// Of all instructions of a build. The longest Dockerfile is a quarter of it, and every step keeps what came before it.
constexpr std::size_t all_expanded_max = std::size_t{4} << 20;

constexpr std::string_view name_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

bool is_name(std::string_view text)
{
    return !text.empty() && text.find_first_not_of(name_characters) == text.npos && (text[0] < '0' || text[0] > '9');
}

/// The shell gets these as they are written.
bool is_expanded(std::string_view verb)
{
    constexpr std::array<std::string_view, 6> as_written = {"run", "cmd", "entrypoint", "healthcheck", "shell", "maintainer"};
    return std::ranges::find(as_written, verb) == as_written.end();
}

/// `text` cut at its blanks, as the parser cuts ENV and ARG: not within quotes, nor behind the escape character.
std::vector<std::string_view> words_of(std::string_view text, char escape)
{
    std::vector<std::string_view> words;
    for (text = trim_left(text); !text.empty(); text = trim_left(text)) {
        std::size_t end = 0;
        for (char quote = 0; end < text.size(); ++end) {
            const char c = text[end];
            if (quote == 0 && space_at_front(text.substr(end)) > 0) break;
            if (c == escape && quote != '\'')
                ++end;
            else if (quote == 0 && (c == '"' || c == '\''))
                quote = c;
            else if (c == quote)
                quote = 0;
        }
        words.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end, text.size()));
    }
    return words;
}

/// A reference to a variable: what its name is, and whether it may be `${NAME/...}`, which writes a text in the place of parts.
struct Use {
    std::string_view name;
    bool replaces = false;
};

/// The next use in `text`, which begins behind it then; nullopt at the end.
std::optional<Use> take_use(std::string_view& text)
{
    const std::size_t dollar = text.find('$');
    if (dollar == text.npos) return std::nullopt;
    text.remove_prefix(dollar + 1);
    const bool braced = text.starts_with('{');
    const std::string_view from = text.substr(braced ? 1 : 0);
    const std::size_t end = std::min(from.find_first_not_of(name_characters), from.size());
    Use use{from.substr(0, end)};
    // Engines differ in what else a name may have.
    use.replaces = braced && (end == from.size() || std::string_view("}:+-?#%").find(from[end]) == std::string_view::npos);
    return use;
}

tl::unexpected<Error> too_long(std::string_view verb, std::string_view text, std::size_t most)
{
    std::string shown(verb);
    std::ranges::transform(shown, shown.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return odd(shown, text,
               "with its variables it comes to more than " + std::to_string(most >> 10) + " KiB; give long texts as files of the context");
}

}  // namespace

std::size_t Variables::length_of(std::string_view name) const
{
    std::size_t length = others_;
    if (const auto known = lengths_.find(name); known != lengths_.end()) length = std::max(length, known->second);
    if (build_args_.is_object())
        if (const auto found = build_args_.find(name); found != build_args_.end() && found->is_string())
            length = std::max(length, found->get_ref<const std::string&>().size());
    return length;
}

/// At most that many bytes: the text itself, and for each use of a variable all that it can be. Where a part of one is
/// replaced, each of its bytes may become the whole of the rest, where no further variable is.
Result<std::size_t> Variables::length_of_expanded(std::string_view text) const
{
    std::size_t plain = text.size(), replaced = 0;
    for (std::string_view rest = text; const auto use = take_use(rest);) {
        const std::size_t length = length_of(use->name);
        plain += length;
        if (use->replaces) replaced += length;
        if (use->replaces && rest.find('$') != rest.npos)
            return odd("Dockerfile", text, "write no variable behind one whose parts are replaced; take an instruction of its own");
        if (plain > all_expanded_max) return plain;
    }
    return plain + plain * std::min(replaced, all_expanded_max);
}

Result<void> Variables::spend(std::string_view verb, std::string_view text, char escape)
{
    Result<std::size_t> length = text.size();
    if (text.size() > instruction_max) return too_long(verb, text, instruction_max);
    if (is_expanded(verb)) {
        length = length_of_expanded(text);
        if (!length) return tl::unexpected(length.error());
        if (*length > instruction_max) return too_long(verb, text, instruction_max);
        assign(verb, text, escape, *length);
    }
    spent_ += *length;
    if (spent_ > all_expanded_max) return too_long(verb, text, all_expanded_max);
    return {};
}

void Variables::assign(std::string_view verb, std::string_view text, char escape, std::size_t length)
{
    if (verb != "env" && verb != "arg") return;
    const std::vector<std::string_view> words = words_of(text, escape);
    if (words.empty()) return;
    // ENV NAME and the rest, as it was written first.
    if (verb == "env" && words[0].find('=') == words[0].npos) return assign_one(words[0], length);
    for (const std::string_view word : words) assign_one(word.substr(0, word.find('=')), length);
}

void Variables::assign_one(std::string_view name, std::size_t length)
{
    if (!is_name(name)) {
        others_ = std::max(others_, length);
        return;
    }
    if (const auto value = values_.find(name); value != values_.end()) length = std::max(length, value->second.size());
    std::size_t& known = lengths_[std::string(name)];
    known = std::max(known, length);
}

Result<void> Variables::declare(std::string_view text)
{
    constexpr std::string_view way_out =
        "before the first FROM write one ARG NAME=value a line, the value plain or in quotes";
    text = trim_right(trim_left(text));
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (name.empty() || name.find_first_not_of(name_characters) != name.npos) return odd("ARG", text, way_out);
    if (equals == text.npos) {
        values_.erase(std::string(name));
        if (auto value = given(name)) values_[std::string(name)] = *std::move(value);
        return {};
    }
    std::string_view value = text.substr(equals + 1);
    char quote = 0;
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
        quote = value.front();
        value = value.substr(1, value.size() - 2);
    }
    const bool spaced = quote != 0 && std::ranges::all_of(value, [](char c) { return c == ' ' || is_plain({&c, 1}); });
    if (!spaced && !is_plain(value)) return odd("ARG", text, way_out);
    Result<std::string> expanded = quote == '\'' ? Result<std::string>(std::string(value)) : expand(value, "ARG");
    auto asked = given(name);
    if (!expanded && !asked) return tl::unexpected(expanded.error());
    values_[std::string(name)] = asked ? *std::move(asked) : *std::move(expanded);
    return {};
}

std::optional<std::string> Variables::given(std::string_view name) const
{
    if (!build_args_.is_object()) return std::nullopt;
    const auto found = build_args_.find(name);
    return found != build_args_.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

std::string Variables::value_of(const std::string& name) const
{
    if (const auto found = values_.find(name); found != values_.end()) return found->second;
    // Newer engines know ALL_PROXY, too: no matter, since FROM goes on without variables.
    constexpr std::array<std::string_view, 8> always = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
                                                        "FTP_PROXY",  "ftp_proxy",  "NO_PROXY",    "no_proxy"};
    return std::ranges::find(always, name) != always.end() ? given(name).value_or("") : std::string();
}

Result<std::string> Variables::expand(std::string_view text, std::string_view field) const
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
        if (!is_name(name)) return odd(field, whole, way_out);
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

}  // namespace rules
