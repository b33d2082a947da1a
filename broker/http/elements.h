#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// Cuts a JSON text that comes in pieces into the elements of its list, or of the lists that are members of its one object, without
/// holding more than one element. It looks for where values end, and leaves it to the reader of an element whether it is JSON.
///
/// Of an element that is an object, a member that is a text or an object (labels, a command) of more than an eighth of the most is left
/// empty: so that it is told of all the same. Lists (names) are kept.
class ElementCutter {
public:
    struct Element {
        std::string_view list;  ///< the member whose list it is of; empty: the text is a list
        std::string_view text;  ///< until the next call
        bool whole = true;      ///< false: it is longer than the most, and `text` is empty
    };

    /// `most`: bytes of an element that is kept.
    explicit ElementCutter(std::size_t most) : most_(most) {}

    void feed(std::string_view bytes);
    /// The next element that has come wholly; nullopt: there is none before more is fed. Of the members of an object also plain values, and
    /// `null` at the beginning of each list.
    std::optional<Element> next();
    /// Bytes that wait for the rest of their element.
    std::size_t pending() const { return text_.size() - begin_; }
    /// The text has come to its end.
    bool ended() const { return state_ == State::ended; }
    /// It is neither a list nor an object of lists and plain values.
    bool broken() const { return state_ == State::broken; }

private:
    enum class State { start, key, after_key, member, list, element, ended, broken };

    /// Takes one byte between elements.
    void between(char c);
    /// Where the value that begins at begin_ ends, as far as it has come: the place behind it.
    std::optional<std::size_t> value_end();
    /// The member of the element that ends at at_, or is not over there, keeps its kind only when it is too long.
    void shorten_member(bool is_over);
    Element cut(std::size_t end);
    void drop_skipped();

    std::size_t most_;
    std::string text_;
    std::size_t begin_ = 0;  ///< of what is not done with
    std::size_t at_ = 0;     ///< up to which the value has been looked at
    std::size_t member_ = 0;  ///< where the value of the element's member begins that at_ is in; 0: it is in none
    char left_out_ = 0;       ///< how that begins, once it is left out
    State state_ = State::start;
    bool in_object_ = false;  ///< the text is an object
    bool in_list_ = false;
    std::string list_;
    std::size_t depth_ = 0;  ///< within the value
    bool in_string_ = false, escaped_ = false, too_long_ = false;
};

}  // namespace broker
