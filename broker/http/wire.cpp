#include "broker/http/wire.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace broker {
namespace {

constexpr std::size_t small_block = 4 * 1024;
constexpr std::size_t large_block = 64 * 1024;
constexpr int eager_reads = 16;

/// Large blocks that no transfer uses at the moment; there is one I/O thread.
std::vector<std::unique_ptr<char[]>>& spare_blocks()
{
    static std::vector<std::unique_ptr<char[]>> blocks;
    return blocks;
}

std::unique_ptr<char[]> take_large_block()
{
    auto& spare = spare_blocks();
    if (spare.empty()) return std::make_unique_for_overwrite<char[]>(large_block);
    auto block = std::move(spare.back());
    spare.pop_back();
    return block;
}

void give_large_block(std::unique_ptr<char[]> block)
{
    constexpr std::size_t kept = 16;
    if (block && spare_blocks().size() < kept) spare_blocks().push_back(std::move(block));
}

}  // namespace

Wire::~Wire()
{
    if (capacity_ == large_block) give_large_block(std::move(data_));
}

void Wire::consume(std::size_t bytes)
{
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
}

void Wire::wipe()
{
    if (!data_) return;
    ::explicit_bzero(data_.get(), begin_);
    ::explicit_bzero(data_.get() + end_, capacity_ - end_);
}

void Wire::widen()
{
    if (capacity_ >= large_block) return;
    auto block = take_large_block();
    if (end_ > begin_) std::memcpy(block.get(), data_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    data_ = std::move(block);
    capacity_ = large_block;
}

void Wire::narrow()
{
    if (capacity_ != large_block || begin_ != end_) return;
    give_large_block(std::move(data_));
    capacity_ = 0;
}

Task<bool> Wire::fill()
{
    if (capacity_ == 0) {
        data_ = std::make_unique_for_overwrite<char[]>(small_block);
        capacity_ = small_block;
    }
    if (end_ == capacity_ && begin_ > 0) {
        std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (end_ == capacity_) widen();
    if (end_ == capacity_) throw Gone("buffer is full");
    const asio::mutable_buffer room = asio::buffer(data_.get() + end_, capacity_ - end_);
    error_code error = asio::error::would_block;
    std::size_t count = 0;
    // What is there of a long body is taken without a turn of the event loop; after some such reads the others have theirs.
    if (capacity_ == large_block && ++eager_ <= eager_reads) count = transport_->read_now(room, error);
    if (error == asio::error::would_block) {
        eager_ = 0;
        std::tie(error, count) = co_await transport_->read(room);
    }
    if (error == asio::error::eof) co_return false;
    if (error) throw Gone("read: " + error.message());
    end_ += count;
    co_return true;
}

Task<std::optional<std::size_t>> Wire::head()
{
    for (;;) {
        if (const std::size_t length = head_length(buffered())) co_return length > head_max ? 0 : length;
        if (end_ - begin_ > head_max) co_return 0;
        if (!co_await fill()) {
            if (begin_ == end_) co_return std::nullopt;
            throw Gone("closed within a head");
        }
    }
}

Task<> Wire::write(std::string_view first, std::string_view second, std::string_view third)
{
    Transport::Pieces pieces{asio::buffer(first.data(), first.size()), asio::buffer(second.data(), second.size()),
                             asio::buffer(third.data(), third.size())};
    std::size_t left = first.size() + second.size() + third.size();
    bool full = false;
    while (left > 0) {
        error_code error;
        std::size_t count = 0;
        if (!full) {
            count = transport_->write_now(pieces, error);
            if (error == asio::error::would_block) {
                full = true;
                continue;
            }
        } else {
            std::tie(error, count) = co_await transport_->write(pieces);
            full = false;
        }
        if (error) throw Gone("write: " + error.message());
        left -= count;
        for (auto& piece : pieces) {
            const std::size_t done = std::min(count, piece.size());
            piece += done;
            count -= done;
        }
    }
}

BodyReader::BodyReader(Wire& wire, const Head& head) : wire_(wire), framing_(head.framing), left_(head.length), done_(head.framing == Framing::none)
{
}

std::string_view BodyReader::join(std::string_view first)
{
    char* const begin = wire_.at(first.data());
    std::size_t size = first.size();
    for (;;) {
        const ChunkReader::Step step = chunks_.step(wire_.buffered().substr(used_));
        broken_ = step.broken;
        done_ = step.done;
        used_ += step.used;
        if (step.payload.empty()) return {begin, size};
        std::memmove(begin + size, step.payload.data(), step.payload.size());
        size += step.payload.size();
    }
}

Task<std::string_view> BodyReader::next()
{
    // A piece that filled most of the small block comes from a long body: read on in large ones.
    const bool large = used_ >= small_block / 2;
    wire_.consume(std::exchange(used_, 0));
    if (large) wire_.widen();
    for (;;) {
        if (broken_) throw BadFraming("broken chunked framing");
        if (done_) co_return std::string_view{};
        const std::string_view input = wire_.buffered();
        if (framing_ == Framing::chunked) {
            const ChunkReader::Step step = chunks_.step(input);
            if (step.broken) throw BadFraming("broken chunked framing");
            done_ = step.done;
            if (!step.payload.empty()) {
                // The framing around the payload stays in the buffer until the next call.
                used_ = step.used;
                co_return join(step.payload);
            }
            wire_.consume(step.used);
            if (done_) continue;
        } else if (!input.empty()) {
            std::string_view piece = input;
            if (framing_ == Framing::length) {
                piece = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
                left_ -= piece.size();
                done_ = left_ == 0;
            }
            used_ = piece.size();
            co_return piece;
        }
        if (!co_await wire_.fill()) {
            if (framing_ != Framing::until_close) throw Gone("closed within a body");
            done_ = true;
        }
    }
}

Task<std::optional<std::string>> read_all(BodyReader& body, std::size_t limit)
{
    std::string all;
    for (;;) {
        const std::string_view piece = co_await body.next();
        if (piece.empty()) co_return all;
        if (all.size() + piece.size() > limit) co_return std::nullopt;
        all.append(piece);
    }
}

}  // namespace broker
