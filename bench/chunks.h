#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

/// Follows a chunked body as its bytes come, in pieces of any size. No trailers.
class Chunks {
public:
    /// Takes what belongs to the body from the front of `bytes`: the number of bytes taken, framing included.
    /// Throws std::runtime_error when they are not chunks.
    std::size_t take(std::string_view bytes)
    {
        std::size_t at = 0;
        while (at < bytes.size() && !done_) {
            if (left_ > 0) {
                const auto part = std::min<std::uint64_t>(left_, bytes.size() - at);
                left_ -= part;
                at += part;
                done_ = last_ && left_ == 0;
            } else if (const char c = bytes[at++]; c != '\n') {
                line_ += c;
            } else {
                begin_chunk();
            }
        }
        return at;
    }

    bool done() const { return done_; }
    std::uint64_t payload() const { return payload_; }  ///< bytes in the chunks so far

private:
    void begin_chunk()
    {
        if (line_.size() < 2 || line_.back() != '\r') throw std::runtime_error("not a chunk: " + line_);
        const std::uint64_t size = std::stoull(line_, nullptr, 16);
        line_.clear();
        last_ = size == 0;
        payload_ += size;
        left_ = size + 2;  // with the end of line after it
    }

    bool done_ = false;
    bool last_ = false;
    std::uint64_t left_ = 0;
    std::uint64_t payload_ = 0;
    std::string line_;
};

/// Eight chunks of 32 KiB as `docker` sends them, to be repeated; `chunked_payload` bytes are its content.
inline constexpr std::size_t chunked_payload = 8 * 32768;
inline std::string chunked_block()
{
    std::string block;
    for (int i = 0; i < 8; ++i) block.append("8000\r\n").append(32768, '\0').append("\r\n");
    return block;
}

}  // namespace bench
