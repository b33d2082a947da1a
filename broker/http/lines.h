#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace broker {

/// Cuts what comes in pieces into lines. One that is longer than the most is left out: it is an event of an object with more labels than
/// anybody reads, and the job's streams together would hold it once each.
class Lines {
public:
    void feed(std::string_view bytes)
    {
        text_.erase(0, begin_);
        begin_ = 0;
        text_.append(bytes);
    }

    /// The next whole line, with its end; valid until more is fed.
    std::optional<std::string_view> next()
    {
        for (;;) {
            const std::size_t end = text_.find('\n', begin_);
            if (end == text_.npos) break;
            const std::string_view line = std::string_view(text_).substr(begin_, end + 1 - begin_);
            begin_ = end + 1;
            if (!std::exchange(skipping_, false) && line.size() <= most) return line;
        }
        if (text_.size() - begin_ > most) {
            skipping_ = true;
            text_.clear();
            begin_ = 0;
        }
        return std::nullopt;
    }

    /// What stands behind the last end of a line.
    std::string_view rest() const { return skipping_ ? std::string_view() : std::string_view(text_).substr(begin_); }

private:
    static constexpr std::size_t most = std::size_t{64} << 10;

    std::string text_;
    std::size_t begin_ = 0;
    bool skipping_ = false;
};

}  // namespace broker
