#include "broker/http/elements.h"

namespace broker {
namespace {

bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

void ElementCutter::feed(std::string_view bytes)
{
    if (begin_ > 0) {
        text_.erase(0, begin_);
        at_ -= begin_;
        if (member_ > 0) member_ -= begin_;
        begin_ = 0;
    }
    text_.append(bytes);
}

void ElementCutter::between(char c)
{
    switch (state_) {
        case State::start:
            in_object_ = c == '{';
            in_list_ = c == '[';
            state_ = in_object_ ? State::key : in_list_ ? State::list : State::broken;
            return;
        case State::after_key:
            state_ = c == ':' ? State::member : State::broken;
            return;
        case State::key:
            if (c != ',') state_ = c == '}' ? State::ended : State::broken;
            return;
        case State::list:
            if (c == ']') {
                in_list_ = false;
                state_ = in_object_ ? State::key : State::ended;
            } else if (c != ',') {
                state_ = State::broken;
            }
            return;
        default:
            state_ = State::broken;
    }
}

std::optional<std::size_t> ElementCutter::value_end()
{
    for (; at_ < text_.size(); ++at_) {
        const char c = text_[at_];
        if (in_string_) {
            if (escaped_)
                escaped_ = false;
            else if (c == '\\')
                escaped_ = true;
            else if (c == '"')
                in_string_ = false;
            if (!in_string_ && depth_ == 0) return at_ + 1;
        } else if (c == '"') {
            in_string_ = true;
        } else if (c == '{' || c == '[') {
            ++depth_;
        } else if (c == '}' || c == ']') {
            if (depth_ == 0) return at_;  // behind a number
            if (depth_ == 1) shorten_member(true);
            if (--depth_ == 0) return at_ + 1;
        } else if (depth_ == 1 && c == ',') {
            shorten_member(true);
        } else if (depth_ == 1 && c == ':') {
            member_ = at_ + 1;
        } else if (depth_ == 0 && (c == ',' || is_blank(c))) {
            return at_;
        }
    }
    return std::nullopt;
}

void ElementCutter::shorten_member(bool is_over)
{
    if (member_ == 0) return;
    if (left_out_ == 0 && at_ - member_ > most_ / 8)
        if (const char first = text_[member_]; first == '"' || first == '{') left_out_ = first;
    if (left_out_ != 0) {
        const std::string_view kept = !is_over ? "" : left_out_ == '"' ? R"("")" : "{}";
        text_.replace(member_, at_ - member_, kept);
        at_ = member_ + kept.size();
    }
    if (!is_over) return;
    member_ = 0;
    left_out_ = 0;
}

/// Of a value that is too long its beginning need not be kept.
void ElementCutter::drop_skipped()
{
    if (text_.size() - begin_ <= most_) return;
    too_long_ = true;
    text_.clear();
    begin_ = at_ = member_ = 0;
    left_out_ = 0;
}

ElementCutter::Element ElementCutter::cut(std::size_t end)
{
    const bool whole = !too_long_ && end - begin_ <= most_;
    const Element element{list_, whole ? std::string_view(text_).substr(begin_, end - begin_) : std::string_view(), whole};
    begin_ = at_ = end;
    too_long_ = false;
    member_ = 0;
    left_out_ = 0;
    state_ = in_list_ ? State::list : State::key;
    return element;
}

std::optional<ElementCutter::Element> ElementCutter::next()
{
    for (;;) {
        if (state_ != State::element) {
            while (begin_ < text_.size() && is_blank(text_[begin_])) ++begin_;
            if (begin_ == text_.size() || state_ == State::ended || state_ == State::broken) return std::nullopt;
        }
        switch (state_) {
            case State::member:
                if (text_[begin_] == '[') {
                    ++begin_;
                    in_list_ = true;
                    state_ = State::list;
                    return Element{list_, "null", true};
                }
                at_ = begin_;
                state_ = State::element;
                continue;
            case State::list:
                if (const char c = text_[begin_]; c != ']' && c != ',') {
                    at_ = begin_;
                    state_ = State::element;
                    continue;
                }
                break;
            case State::element: {
                const auto end = value_end();
                if (!end) {
                    shorten_member(false);
                    drop_skipped();
                    return std::nullopt;
                }
                if (*end == begin_) {  // a bracket that closes nothing
                    state_ = State::broken;
                    return std::nullopt;
                }
                return cut(*end);
            }
            case State::key:
                if (text_[begin_] == '"') {
                    const std::size_t end = text_.find('"', begin_ + 1);  // the engine's keys have nothing to escape
                    if (end == text_.npos) return std::nullopt;
                    list_ = text_.substr(begin_ + 1, end - begin_ - 1);
                    begin_ = end + 1;
                    state_ = State::after_key;
                    continue;
                }
                break;
            default:
                break;
        }
        between(text_[begin_++]);
    }
}

}  // namespace broker
