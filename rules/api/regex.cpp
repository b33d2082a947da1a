#include <algorithm>
#include <bitset>
#include <cstdint>

#include "rules/api/filters.h"

// Thompson's construction and Pike's simulation: the set of all states that the text so far allows is carried along, so
// no pattern makes it back up. Bytes stand for characters; what Go's syntax has beyond the documented kind is malformed
// here, and then matches nothing.
namespace rules {
namespace {

constexpr std::size_t longest_pattern = 256;

using Bytes = std::bitset<256>;

struct State {
    enum class Kind : std::uint8_t { bytes, split, begin, end, accept };
    Kind kind = Kind::accept;
    int next = -1;
    int other = -1;  ///< of split
    Bytes bytes = {};
};

/// A part of the automaton: where it begins, and the state whose `next` is still open.
struct Part {
    int begin;
    int end;
};

void add_range(Bytes& bytes, unsigned char from, unsigned char to)
{
    for (unsigned byte = from; byte <= to; ++byte) bytes.set(byte);
}

/// `\d`, `\w`, `\s`, their opposites, and escaped punctuation and blanks.
std::optional<Bytes> escaped(char c)
{
    Bytes bytes;
    switch (c) {
        case 'd':
        case 'D':
            add_range(bytes, '0', '9');
            return c == 'd' ? bytes : ~bytes;
        case 'w':
        case 'W':
            add_range(bytes, '0', '9');
            add_range(bytes, 'a', 'z');
            add_range(bytes, 'A', 'Z');
            bytes.set('_');
            return c == 'w' ? bytes : ~bytes;
        case 's':
        case 'S':
            for (const char blank : {' ', '\t', '\n', '\f', '\r'}) bytes.set(static_cast<unsigned char>(blank));
            return c == 's' ? bytes : ~bytes;
        case 't':
            return bytes.set('\t');
        case 'n':
            return bytes.set('\n');
        default:
            break;
    }
    const auto byte = static_cast<unsigned char>(c);
    const bool punctuation = byte > 0x20 && byte < 0x7F && !escaped('w')->test(byte);
    if (!punctuation && c != '_') return std::nullopt;
    return bytes.set(byte);
}

class Compiler {
public:
    explicit Compiler(std::string_view pattern) : rest_(pattern) {}

    /// The first state, or nullopt when the pattern is malformed.
    std::optional<int> compile()
    {
        const std::optional<Part> whole = alternatives();
        if (!whole || !rest_.empty()) return std::nullopt;
        states_[static_cast<std::size_t>(whole->end)].next = add({.kind = State::Kind::accept});
        return whole->begin;
    }

    const std::vector<State>& states() const { return states_; }

private:
    int add(State state)
    {
        states_.push_back(state);
        return static_cast<int>(states_.size()) - 1;
    }

    State& at(int index) { return states_[static_cast<std::size_t>(index)]; }

    /// A state that only leads on: a split with one way.
    int pass_on() { return add({.kind = State::Kind::split}); }

    bool take(char c)
    {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }

    std::optional<Part> alternatives()
    {
        std::optional<Part> whole = sequence();
        while (whole && take('|')) {
            const std::optional<Part> another = sequence();
            if (!another) return std::nullopt;
            const int begin = add({.kind = State::Kind::split, .next = whole->begin, .other = another->begin});
            const int end = pass_on();
            at(whole->end).next = end;
            at(another->end).next = end;
            whole = Part{begin, end};
        }
        return whole;
    }

    std::optional<Part> sequence()
    {
        const int begin = pass_on();
        Part whole{begin, begin};
        while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
            const std::optional<Part> part = repeated();
            if (!part) return std::nullopt;
            at(whole.end).next = part->begin;
            whole.end = part->end;
        }
        return whole;
    }

    std::optional<Part> repeated()
    {
        const std::optional<Part> part = atom();
        if (!part || rest_.empty()) return part;
        const char sign = rest_.front();
        if (sign != '*' && sign != '+' && sign != '?') return part;
        rest_.remove_prefix(1);
        take('?');  // lazy or not, the same texts match
        if (!rest_.empty() && std::string_view("*+?").find(rest_.front()) != std::string_view::npos)
            return std::nullopt;

        const int end = pass_on();
        const int loop = add({.kind = State::Kind::split, .next = part->begin, .other = end});
        at(part->end).next = sign == '?' ? end : loop;
        return Part{sign == '+' ? part->begin : loop, end};
    }

    std::optional<Part> atom()
    {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        switch (c) {
            case '(':
                return group();
            case '[':
                return bracket();
            case '*':
            case '+':
            case '?':
                return std::nullopt;
            case '{':
                // `{2}` after an atom is a count, which is not offered; alone, Go takes it for text as well.
                return is_count() ? std::nullopt : std::optional(one(Bytes().set('{')));
            case '^':
                return single({.kind = State::Kind::begin});
            case '$':
                return single({.kind = State::Kind::end});
            case '.':
                return one(~Bytes().set('\n'));
            case '\\':
                return escape();
            default:
                return one(Bytes().set(static_cast<unsigned char>(c)));
        }
    }

    bool is_count() const
    {
        const std::size_t close = rest_.find('}');
        return close != std::string_view::npos && close > 0 && rest_.find_first_not_of("0123456789,") == close;
    }

    std::optional<Part> group()
    {
        if (take('?') && !take(':')) return std::nullopt;
        const std::optional<Part> inside = alternatives();
        return inside && take(')') ? inside : std::nullopt;
    }

    std::optional<Part> escape()
    {
        if (rest_.empty()) return std::nullopt;
        const std::optional<Bytes> bytes = escaped(rest_.front());
        rest_.remove_prefix(1);
        return bytes ? std::optional(one(*bytes)) : std::nullopt;
    }

    /// One end of a range in brackets, or a class such as `\d` (then `whole` has more than one byte).
    std::optional<Bytes> bracket_item(unsigned char& byte)
    {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        byte = static_cast<unsigned char>(c);
        if (c != '\\') return byte < 0x80 ? std::optional(Bytes().set(byte)) : std::nullopt;
        if (rest_.empty()) return std::nullopt;
        const std::optional<Bytes> bytes = escaped(rest_.front());
        byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        if (bytes && bytes->count() == 1)
            for (unsigned each = 0; each < bytes->size(); ++each)
                if (bytes->test(each)) byte = static_cast<unsigned char>(each);
        return bytes;
    }

    std::optional<Part> bracket()
    {
        const bool negated = take('^');
        Bytes bytes;
        for (bool first = true; !rest_.empty() && (first || rest_.front() != ']'); first = false) {
            if (rest_.starts_with("[:")) return std::nullopt;
            unsigned char from = 0;
            const std::optional<Bytes> item = bracket_item(from);
            if (!item) return std::nullopt;
            bytes |= *item;
            const bool range = item->count() == 1 && rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']';
            if (!range) continue;
            rest_.remove_prefix(1);
            unsigned char to = 0;
            const std::optional<Bytes> last = bracket_item(to);
            if (!last || last->count() != 1 || to < from) return std::nullopt;
            add_range(bytes, from, to);
        }
        if (!take(']')) return std::nullopt;
        return one(negated ? ~bytes : bytes);
    }

    Part single(State state)
    {
        const int index = add(state);
        return {index, index};
    }
    Part one(const Bytes& bytes) { return single({.kind = State::Kind::bytes, .bytes = bytes}); }

    std::string_view rest_;
    std::vector<State> states_;
};

class Simulation {
public:
    explicit Simulation(const std::vector<State>& states) : states_(states), seen_(states.size(), 0) {}

    bool found(int first, std::string_view text)
    {
        std::vector<int> active;
        std::vector<int> reached;
        for (std::size_t at = 0;; ++at) {
            ++round_;
            reached.clear();
            active.push_back(first);  // the match may begin anywhere
            for (const int state : active)
                if (reach(state, at == 0, at == text.size(), reached)) return true;
            if (at == text.size()) return false;
            active.clear();
            for (const int state : reached) {
                const State& each = states_[static_cast<std::size_t>(state)];
                if (each.bytes.test(static_cast<unsigned char>(text[at]))) active.push_back(each.next);
            }
        }
    }

private:
    /// Adds to `reached` every state that can be come to from `state` before it reads the next byte; true when one of
    /// them accepts.
    bool reach(int state, bool at_begin, bool at_end, std::vector<int>& reached)
    {
        open_.assign(1, state);
        while (!open_.empty()) {
            const int index = open_.back();
            open_.pop_back();
            if (index < 0 || seen_[static_cast<std::size_t>(index)] == round_) continue;
            seen_[static_cast<std::size_t>(index)] = round_;
            const State& each = states_[static_cast<std::size_t>(index)];
            switch (each.kind) {
                case State::Kind::accept:
                    return true;
                case State::Kind::bytes:
                    reached.push_back(index);
                    break;
                case State::Kind::split:
                    open_.push_back(each.next);
                    open_.push_back(each.other);
                    break;
                case State::Kind::begin:
                    if (at_begin) open_.push_back(each.next);
                    break;
                case State::Kind::end:
                    if (at_end) open_.push_back(each.next);
                    break;
            }
        }
        return false;
    }

    const std::vector<State>& states_;
    std::vector<std::size_t> seen_;  ///< the round in which each state was reached last
    std::size_t round_ = 0;
    std::vector<int> open_;
};

}  // namespace

std::optional<bool> regex_found(std::string_view pattern, std::string_view text)
{
    if (pattern.size() > longest_pattern) return std::nullopt;
    if (pattern.find_first_of("\\.[](){}*+?|^$") == std::string_view::npos)
        return text.find(pattern) != std::string_view::npos;
    Compiler compiler(pattern);
    const std::optional<int> first = compiler.compile();
    if (!first) return std::nullopt;
    return Simulation(compiler.states()).found(*first, text);
}

}  // namespace rules
